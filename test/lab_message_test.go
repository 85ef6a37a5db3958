package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLabMessage: a MESSAGE outside a call goes to the server twice, for the sender and for the recipient, and each time back to the
// S-CSCF, which knows it by its original dialog identifier.
func TestLabMessage(t *testing.T) {
	isolated(t, func(t *testing.T) {
		for _, odi := range []string{"user", "hdrparam"} {
			t.Run(odi, func(t *testing.T) {
				users := filepath.Join(t.TempDir(), "users.yaml")
				away(t, users, "")
				l := startLab(t, "ODI="+odi, "ISC_METHODS=INVITE|MESSAGE", "REG_BODY=request")
				s := serveAS(t, users)
				if text, err := l.script("ua/sipp.sh", "message"); err != nil {
					t.Fatalf("message: %v\n%s", err, text)
				}
				s.registrations(2, "request")
				s.idle()
				for _, r := range s.records(2) {
					if r.Status != 200 || r.Cause != "delivered" {
						t.Errorf("%+v", r)
					}
				}
				text, err := os.ReadFile(filepath.Join(l.run, "bob.msg"))
				if err != nil || !strings.Contains(string(text), "hello") || strings.Contains(string(text), "127.0.0.11") {
					t.Errorf("bob got, %v:\n%s", err, text)
				}
			})
		}
	})
}
