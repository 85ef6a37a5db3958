package dict

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/fiorix/go-diameter/v4/diam/datatype"
	"github.com/fiorix/go-diameter/v4/diam/dict"
)

//go:embed base.xml
var baseXML []byte

//go:embed sh.xml
var shXML []byte

// Application ids and vendors.
const (
	// Base is the application of the peer messages (RFC 6733 2.4).
	Base uint32 = 0
	// Sh is the application of TS 29.329.
	Sh uint32 = 16777217
	// Relay is what a relay advertises instead of applications (RFC 6733 2.4).
	Relay uint32 = 0xffffffff
	// Vendor3GPP is the vendor of Sh and of its AVPs.
	Vendor3GPP uint32 = 10415
)

// Key names an AVP: vendor and code together, never the code alone.
type Key struct {
	Vendor uint32
	Code   uint32
}

// Dict is a loaded dictionary. It does not change after New and may be read from any goroutine.
type Dict struct {
	parser   *dict.Parser
	types    map[uint32]map[Key]datatype.TypeID
	commands map[uint32]map[uint32]*dict.Command
}

// New reads the embedded dictionaries into a parser that nobody else shares: go-diameter's default dictionary has no
// Sh, and a parser must not be loaded while traffic runs through it.
func New() (*Dict, error) {
	p, err := dict.NewParser()
	if err != nil {
		return nil, fmt.Errorf("make dictionary: %w", err)
	}
	// The guard checks what Strict would: with it one bad optional AVP would cost the connection.
	p.Strict = false
	for _, f := range []struct {
		name string
		xml  []byte
	}{{"base.xml", baseXML}, {"sh.xml", shXML}} {
		if err := p.Load(bytes.NewReader(f.xml)); err != nil {
			return nil, fmt.Errorf("load dictionary %s: %w", f.name, err)
		}
	}
	d := &Dict{
		parser:   p,
		types:    make(map[uint32]map[Key]datatype.TypeID),
		commands: make(map[uint32]map[uint32]*dict.Command),
	}
	for _, app := range p.Apps() {
		d.index(app)
	}
	for id, types := range d.types {
		if id == Base {
			continue
		}
		for k, t := range d.types[Base] {
			if _, own := types[k]; !own {
				types[k] = t
			}
		}
	}
	return d, nil
}

// Parser returns the dictionary as go-diameter's codec wants it.
func (d *Dict) Parser() *dict.Parser { return d.parser }

// Application tells whether the dictionary has the application.
func (d *Dict) Application(id uint32) bool {
	_, ok := d.types[id]
	return ok
}

// Command returns the short name of a command ("UD", "CE"); ok is false for one that the application does not have.
func (d *Dict) Command(app, code uint32) (name string, ok bool) {
	c, ok := d.commands[app][code]
	if !ok {
		return "", false
	}
	return c.Short, true
}

// Type returns the data type of an AVP of the application or of the base protocol; ok is false for an unknown AVP.
func (d *Dict) Type(app uint32, k Key) (t datatype.TypeID, ok bool) {
	t, ok = d.types[app][k]
	return t, ok
}

func (d *Dict) index(app *dict.App) {
	types := make(map[Key]datatype.TypeID, len(app.AVP))
	for _, a := range app.AVP {
		types[Key{a.VendorID, a.Code}] = a.Data.Type
	}
	commands := make(map[uint32]*dict.Command, len(app.Command))
	for _, c := range app.Command {
		commands[c.Code] = c
	}
	d.types[app.ID], d.commands[app.ID] = types, commands
}
