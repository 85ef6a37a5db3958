package sh

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/fiorix/go-diameter/v4/diam"
	"github.com/fiorix/go-diameter/v4/diam/datatype"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
)

// Text returns the document for people: one line per value, indented by element, enumerations by name.
func (d *Data) Text() string {
	var b strings.Builder
	writeText(&b, reflect.ValueOf(d).Elem(), 0)
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

func writeText(b *strings.Builder, v reflect.Value, depth int) {
	for _, f := range plans[v.Type()].fields {
		for _, x := range values(v.Field(f.index)) {
			indent := strings.Repeat("  ", depth)
			if x.Kind() == reflect.Struct {
				fmt.Fprintf(b, "%s%s\n", indent, f.name)
				if x.NumField() > 0 {
					writeText(b, x, depth+1)
				}
				continue
			}
			fmt.Fprintf(b, "%s%s: %v\n", indent, f.name, plain(x))
		}
	}
}

// MarshalJSON writes the document with the element names of the schema, without the Extensions; enumerations by name.
func (d *Data) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // service data are XML; who embeds JSON in HTML escapes it then
	err := e.Encode(object(reflect.ValueOf(d).Elem()))
	return bytes.TrimSpace(b.Bytes()), err
}

func object(v reflect.Value) map[string]any {
	out := make(map[string]any)
	for _, f := range plans[v.Type()].fields {
		field := v.Field(f.index)
		xs := values(field)
		if len(xs) == 0 {
			continue
		}
		items := make([]any, 0, len(xs))
		for _, x := range xs {
			if x.Kind() != reflect.Struct {
				items = append(items, plain(x))
			} else if x.NumField() == 0 {
				items = append(items, true)
			} else {
				items = append(items, object(x))
			}
		}
		if isList(field) {
			out[f.name] = items
		} else {
			out[f.name] = items[0]
		}
	}
	return out
}

func isList(v reflect.Value) bool {
	return v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8
}

// values returns what stands in a field: none, one or several.
func values(v reflect.Value) []reflect.Value {
	switch {
	case !present(v):
		return nil
	case v.Kind() == reflect.Pointer:
		return []reflect.Value{v.Elem()}
	case isList(v):
		out := make([]reflect.Value, v.Len())
		for i := range out {
			out[i] = v.Index(i)
		}
		return out
	}
	return []reflect.Value{v}
}

// plain returns a value as JSON and people want it.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case fmt.Stringer:
		return x.String()
	case RawXML:
		return string(x)
	case Octets:
		return base64.StdEncoding.EncodeToString(x)
	}
	return v.Interface()
}

// Trace returns a message for people: the header and every AVP by name, groups indented, in the order of the wire.
func Trace(m *diam.Message) string {
	var b strings.Builder
	h := m.Header
	kind := "Answer"
	if h.CommandFlags&diam.RequestFlag != 0 {
		kind = "Request"
	}
	name := fmt.Sprint("Command-", h.CommandCode)
	if c, err := m.Dictionary().FindCommand(h.ApplicationID, h.CommandCode); err == nil {
		name = c.Name
	}
	fmt.Fprintf(&b, "%s-%s application %d flags %s hop-by-hop %08x end-to-end %08x\n",
		name, kind, h.ApplicationID, bits(h.CommandFlags, "RPET"), h.HopByHopID, h.EndToEndID)
	traceAVPs(&b, m, m.AVP, 1)
	return b.String()
}

func traceAVPs(b *strings.Builder, m *diam.Message, avps []*diam.AVP, depth int) {
	for _, a := range avps {
		name, enum := fmt.Sprint("AVP-", a.Code), ""
		if d, err := m.Dictionary().FindAVPByCode(m.Header.ApplicationID, a.Code, a.VendorID); err == nil {
			name = d.Name
			for _, e := range d.Data.Enum {
				if v, ok := a.Data.(datatype.Enumerated); ok && int32(v) == e.Code {
					enum = " " + e.Name
				}
			}
		}
		fmt.Fprintf(b, "%s%s (%d%s) %s", strings.Repeat("  ", depth), name, a.Code, vendor(a), bits(a.Flags, "VMP"))
		if g := diameter.Group(a); g != nil {
			b.WriteByte('\n')
			traceAVPs(b, m, g, depth+1)
			continue
		}
		fmt.Fprintf(b, " %s%s\n", traceValue(a), enum)
	}
}

func vendor(a *diam.AVP) string {
	if a.VendorID == 0 {
		return ""
	}
	return fmt.Sprint("/", a.VendorID)
}

func bits(flags uint8, names string) string {
	var out []byte
	for i := range len(names) {
		if flags&(0x80>>i) != 0 {
			out = append(out, names[i])
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}

func traceValue(a *diam.AVP) string {
	switch v := a.Data.(type) {
	case datatype.OctetString:
		if a.Code == dict.MSISDN && a.VendorID == dict.Vendor3GPP {
			return decodeTBCD([]byte(v))
		}
		if !writable(string(v)) {
			return fmt.Sprintf("%x", string(v))
		}
		return string(v)
	case datatype.UTF8String:
		return string(v)
	case datatype.DiameterIdentity:
		return string(v)
	case datatype.DiameterURI:
		return string(v)
	case datatype.Unsigned32:
		return fmt.Sprint(uint32(v))
	case datatype.Unsigned64:
		return fmt.Sprint(uint64(v))
	case datatype.Enumerated:
		return fmt.Sprint(int32(v))
	}
	return a.Data.String()
}
