package configs

import (
	"encoding/xml"
	"os"
	"testing"
)

// TestFilterCriteria: the sample of filter criteria is well-formed, and sends calls and registrations to the server of ims-as.yaml.
func TestFilterCriteria(t *testing.T) {
	text, err := os.ReadFile("ims-as.xml")
	if err != nil {
		t.Fatal(err)
	}
	var profile struct {
		Criteria []struct {
			Priority int
			Trigger  struct {
				CNF  int `xml:"ConditionTypeCNF"`
				SPTs []struct {
					Group       int
					Method      string
					SessionCase *int
				} `xml:"SPT"`
			} `xml:"TriggerPoint"`
			Server struct {
				ServerName      string
				DefaultHandling *int
			} `xml:"ApplicationServer"`
		} `xml:"ServiceProfile>InitialFilterCriteria"`
	}
	if err := xml.Unmarshal(text, &profile); err != nil || len(profile.Criteria) != 2 {
		t.Fatalf("%v, %d criteria", err, len(profile.Criteria))
	}
	sample, err := Sample("ims-as")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse("ims-as.yaml", sample, sampleNames)
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	cases := map[int]bool{}
	for _, c := range profile.Criteria {
		if c.Server.ServerName != "sip:"+cfg.Sides[0].Listen[0].Addr.String() || c.Server.DefaultHandling == nil || c.Trigger.CNF != 1 {
			t.Errorf("%+v", c)
		}
		for _, s := range c.Trigger.SPTs {
			methods[s.Method] = true
			if s.SessionCase != nil {
				cases[*s.SessionCase] = true
			}
		}
	}
	if !methods["INVITE"] || !methods["REGISTER"] || !cases[0] || !cases[1] || !cases[2] {
		t.Errorf("methods %v, session cases %v", methods, cases)
	}
}
