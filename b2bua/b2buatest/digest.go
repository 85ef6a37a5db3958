package b2buatest

import (
	"strings"

	"github.com/bifrons/bifrons/sip"
	"github.com/bifrons/bifrons/sip/digest"
)

// prove puts the answers to the last challenge the phone got into a request.
func (p *Party) prove(text, login string) string {
	if login == "" {
		return text
	}
	user, password, _ := strings.Cut(login, ":")
	l := &digest.Login{User: user, Secret: digest.Secret{Password: password}}
	var m sip.Message
	if err := m.Parse([]byte(text)); err != nil {
		p.w.fail("%v", err)
	}
	for i := len(p.got) - 1; i >= 0; i-- {
		all := digest.Challenges(p.got[i])
		if len(all) == 0 {
			continue
		}
		var lines []byte
		for _, s := range digest.Choose(all, func(string) *digest.Login { return l }, "phone") {
			if nonce := s.Nonce; nonce != p.nonce {
				p.nonce, p.count = nonce, 0
			}
			s.Count = p.count
			lines = s.Append(lines, l, string(m.MethodName), string(m.RequestURI), m.Body)
			p.count = s.Count
		}
		return strings.Replace(text, "Max-Forwards:", string(lines)+"Max-Forwards:", 1)
	}
	p.w.fail("nobody has challenged %s", p.Name)
	return ""
}
