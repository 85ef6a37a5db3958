package sh

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

func TestParseDataTolerantly(t *testing.T) {
	tests := []struct {
		name, xml string
		want      *Data
	}{
		{"empty", `<Sh-Data/>`, &Data{}},
		{"S-CSCF name as in the schema", `<Sh-Data><Sh-IMS-Data><SCSCFName>sip:s</SCSCFName></Sh-IMS-Data></Sh-Data>`,
			&Data{IMS: &IMSData{SCSCFName: ptr("sip:s")}}},
		{"S-CSCF name as PyHSS writes it", `<Sh-Data><Sh-IMS-Data><S-CSCFName>sip:s</S-CSCFName></Sh-IMS-Data></Sh-Data>`,
			&Data{IMS: &IMSData{SCSCFName: ptr("sip:s")}}},
		{"None is nothing", `<Sh-Data><Sh-IMS-Data><S-CSCFName>None</S-CSCFName><IMSUserState>None</IMSUserState></Sh-IMS-Data></Sh-Data>`,
			&Data{IMS: &IMSData{}}},
		{"an empty element is there", `<Sh-Data><Sh-IMS-Data><SCSCFName/><IFCs/></Sh-IMS-Data></Sh-Data>`,
			&Data{IMS: &IMSData{SCSCFName: ptr(""), IFCs: &IFCs{}}}},
		{"FHoSS' extension", `<Sh-Data><Sh-Data-Extension><RegisteredIdentities><IMSPublicIdentity>sip:a</IMSPublicIdentity>` +
			`</RegisteredIdentities></Sh-Data-Extension></Sh-Data>`, &Data{Registered: &Identities{Public: []string{"sip:a"}}}},
		{"extension where none is needed, and none where one is", `<Sh-Data><Extension><Extension><CSUserState>2</CSUserState></Extension>` +
			`</Extension><EPSUserState>4</EPSUserState></Sh-Data>`,
			&Data{CSUserState: ptr(CSUserState(2)), EPSUserState: ptr(PacketUserState(4))}},
		{"another order, unknown elements, a namespace", `<?xml version="1.0"?><s:Sh-Data xmlns:s="urn:x" xmlns="urn:y"><!-- c -->` +
			`<s:Future><CSUserState>1</CSUserState></s:Future><PSUserState> 3 </PSUserState><CSUserState>0</CSUserState></s:Sh-Data>`,
			&Data{CSUserState: ptr(CSUserState(0)), PSUserState: ptr(PacketUserState(3))}},
		{"binary", `<Sh-Data><CSLocationInformation><VLRNumber><Address>kUQ=</Address></VLRNumber></CSLocationInformation></Sh-Data>`,
			&Data{CSLocation: &CSLocation{VLRNumber: &ISDNAddress{Octets{0x91, 0x44}}}}},
		{"service data stays as it is", `<Sh-Data xmlns:m="urn:m" xmlns:q="urn:q"><RepositoryData><ServiceIndication>mmtel</ServiceIndication>` +
			`<SequenceNumber>7</SequenceNumber><ServiceData><m:a x="1"><!-- y --><m:b>&lt;</m:b></m:a></ServiceData></RepositoryData></Sh-Data>`,
			&Data{Repository: []RepositoryData{{"mmtel", 7, RawXML(`<m:a xmlns:m="urn:m" x="1"><!-- y --><m:b>&lt;</m:b></m:a>`)}}}},
		{"removed service data", `<Sh-Data><RepositoryData><ServiceIndication>x</ServiceIndication><SequenceNumber>8</SequenceNumber>` +
			`</RepositoryData></Sh-Data>`, &Data{Repository: []RepositoryData{{"x", 8, nil}}}},
		{"several trace infos of Rel-8", `<Sh-Data><Sh-IMS-Data><ServiceLevelTraceInfo>a</ServiceLevelTraceInfo>` +
			`<ServiceLevelTraceInfo>b</ServiceLevelTraceInfo></Sh-IMS-Data></Sh-Data>`, &Data{IMS: &IMSData{TraceInfo: []string{"a", "b"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseData([]byte(tt.xml))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParseDataRefuses(t *testing.T) {
	tests := map[string]string{
		"nothing":          ``,
		"another document": `<Cx-Data/>`,
		"DTD":              `<!DOCTYPE Sh-Data [<!ENTITY a "b">]><Sh-Data/>`,
		"unknown entity":   `<Sh-Data><Sh-IMS-Data><SCSCFName>&a;</SCSCFName></Sh-IMS-Data></Sh-Data>`,
		"cut off":          `<Sh-Data><Sh-IMS-Data>`,
		"two documents":    `<Sh-Data/><Sh-Data/>`,
		"no number":        `<Sh-Data><CSUserState>idle</CSUserState></Sh-Data>`,
		"sequence 65536":   `<Sh-Data><RepositoryData><SequenceNumber>65536</SequenceNumber></RepositoryData></Sh-Data>`,
		"too deep":         `<Sh-Data>` + strings.Repeat("<Extension>", 60) + strings.Repeat("</Extension>", 60) + `</Sh-Data>`,
		"too deep unknown": `<Sh-Data>` + strings.Repeat("<x>", 60) + strings.Repeat("</x>", 60) + `</Sh-Data>`,
		"too long":         `<Sh-Data><x>` + strings.Repeat("y", maxDocument) + `</x></Sh-Data>`,
		"no base64":        `<Sh-Data><CSLocationInformation><CellGlobalId>!</CellGlobalId></CSLocationInformation></Sh-Data>`,
	}
	for name, xml := range tests {
		t.Run(name, func(t *testing.T) {
			if d, err := ParseData([]byte(xml)); err == nil {
				t.Errorf("read as %+v", d)
			}
		})
	}
}

// full returns a document in which every element of the schema stands.
func full() *Data {
	d := new(Data)
	fill(reflect.ValueOf(d).Elem(), 1)
	d.Repository[0].ServiceData = RawXML(`<a xmlns="urn:a">b</a>`)
	d.AliasesRepository[0].ServiceData = RawXML(`<a/>`)
	return d
}

func fill(v reflect.Value, n int64) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{byte(n), 0xff})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n+1)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n+int64(i)%3)
		}
		if v.Type() == reflect.TypeFor[RepositoryData]() {
			v.FieldByName("ServiceData").SetBytes([]byte("<x/>"))
		}
	case reflect.String:
		v.SetString("v<&>" + strings.Repeat("x", int(n)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint16:
		v.SetUint(uint64(n))
	default:
		v.SetInt(n)
	}
}

func TestWriteIsReadBack(t *testing.T) {
	want := full()
	b, err := want.XML()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseData(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if strings.Contains(string(b), "S-CSCFName") {
		t.Error("the element is called SCSCFName")
	}
}

// TestWriteFollowsTheSchema compares with documents that were laid out by hand from the schema of TS 29.328.
func TestWriteFollowsTheSchema(t *testing.T) {
	tests := []struct {
		file string
		data *Data
	}{
		{"identities.xml", &Data{
			PublicIdentifiers: &Identities{Public: []string{"sip:a@x", "tel:+1"}, MSISDN: []string{"1"}, IdentityType: ptr(PublicUserIdentity)},
			Deleted:           &Identities{Public: []string{"sip:old@x"}},
		}},
		{"ims.xml", &Data{IMS: &IMSData{
			SCSCFName: ptr("sip:scscf@x"), UserState: ptr(Registered),
			Charging: &ChargingInformation{PrimaryCollection: ptr("aaa://ccf.x")},
			DSAI:     []DSAI{{"tag", DSAIInactive}}, STNSR: ptr("4411"), ReferenceLoc: []ReferenceLocation{{AccessType: ptr("DSL")}},
		}}},
		{"ifc.xml", &Data{IMS: &IMSData{IFCs: &IFCs{Criteria: []InitialFilterCriteria{{
			TriggerPoint: &TriggerPoint{CNF: true, SPT: []SPT{{
				Negated: ptr(false), Group: []int{0}, Method: ptr("INVITE")},
				{Group: []int{1}, SessionCase: ptr(SessionCase(0))},
				{Group: []int{1, 2}, Header: &HeaderTrigger{"From", ptr("a.*")}, RegistrationType: []RegistrationType{0}}}},
			ApplicationServer: ApplicationServer{ServerName: "sip:as@x", DefaultHandling: ptr(DefaultHandling(0)), IncludeRequest: &struct{}{}},
			ProfilePart:       ptr(ProfilePart(0)),
		}}}}}},
		{"location.xml", &Data{
			EPSUserState: ptr(PacketUserState(4)), IMSI: ptr("001010000000001"), IMEISV: ptr("3569380356438091"),
			EPSLocation: &EPSLocation{EUTRANCellID: &Octets{0, 0xf1, 0x10, 0, 0, 0, 1}, MMEName: ptr("mme1.x"), CurrentRetrieved: ptr(true), Age: ptr(0), RATType: ptr(1004)},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			got, err := tt.data.XML()
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join("testdata", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			var want strings.Builder
			for line := range strings.Lines(string(b)) {
				want.WriteString(strings.TrimSpace(line))
			}
			if d := cmp.Diff(want.String(), string(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestWriteRefusesWhatWouldBreakTheDocument(t *testing.T) {
	for _, data := range []string{"<a>", "</ServiceData>", "</a><a>", "</x><x>", "<!DOCTYPE a>", "&foo;", "<a></b>", strings.Repeat("<a>", 40)} {
		d := &Data{Repository: []RepositoryData{{"s", 0, RawXML(data)}}}
		if b, err := d.XML(); err == nil {
			t.Errorf("%q was written as %s", data, b)
		}
	}
	if b, err := (&Data{IMSI: ptr("a\x00b")}).XML(); err == nil {
		t.Errorf("a NUL was written: %s", b)
	}
}

// FuzzParseData: whatever is read can be written, unless it holds what XML cannot, and reads the same again.
func FuzzParseData(f *testing.F) {
	b, err := full().XML()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`<Sh-Data xmlns:m="u"><RepositoryData><ServiceIndication>s</ServiceIndication><SequenceNumber>1</SequenceNumber>` +
		`<ServiceData><m:a><b m:x="y"/></m:a></ServiceData></RepositoryData></Sh-Data>`))
	f.Add([]byte(`<Sh-Data><Extension><Extension><TADSinformation/></Extension></Extension></Sh-Data>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseData(b)
		if err != nil {
			return
		}
		out, err := d.XML()
		if err != nil {
			return
		}
		again, err := ParseData(out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, out)
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Fatalf("%s\nfrom %s\nto %s", diff, b, out)
		}
	})
}

func BenchmarkParseData(b *testing.B) {
	d := &Data{IMS: &IMSData{UserState: ptr(Registered), SCSCFName: ptr("sip:scscf.ims.example:6060")},
		PublicIdentifiers: &Identities{Public: []string{"sip:alice@ims.example", "tel:+15551234"}, MSISDN: []string{"15551234"}}}
	x, err := d.XML()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseData(x); err != nil {
			b.Fatal(err)
		}
	}
}
