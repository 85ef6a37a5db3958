package ims

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/sip"
)

// Chain is a chain of applications and the calls that get it. What is empty asks nothing; all that is set must fit.
type Chain struct {
	Name string
	Apps []string // by catalogue name, in the order of their walk

	Cases     []Case
	Methods   []string
	Served    *regexp.Regexp // of the served user's identity
	User      *regexp.Regexp // of the user part of the Request-URI, or of the number in a tel URI
	Host      *regexp.Regexp // of its host
	Header    string         // that must be there,
	Value     *regexp.Regexp // with a value that fits
	Service   string         // document that the subscriber must have
	Attribute string         // that the subscriber must have,
	Holds     *regexp.Regexp // with a value that fits
}

// asksSubscriber tells whether the rule looks at what only the sources know.
func (c *Chain) asksSubscriber() bool { return c.Service != "" || c.Attribute != "" }

// asksState tells whether it matters to the rule whether the served user is registered.
func (c *Chain) asksState() bool {
	return slices.Contains(c.Cases, TerminatingUnregistered) != slices.Contains(c.Cases, Terminating) ||
		slices.Contains(c.Cases, OriginatingUnregistered) != slices.Contains(c.Cases, Originating)
}

// misfit says why the chain is not for a request, "" if it is. What Apps may have changed is not looked at: the choice is the
// first thing that happens to a request.
func (c *Chain) misfit(m *sip.Message, s Session, sub *Subscriber) string {
	u, _ := sip.ParseURI(m.RequestURI)
	user, host := b2bua.RoutedUser(&u), u.Host
	switch {
	case len(c.Cases) > 0 && !slices.Contains(c.Cases, s.Case):
		return fmt.Sprintf("the case is %s", s.Case)
	case len(c.Methods) > 0 && !slices.Contains(c.Methods, string(m.MethodName)):
		return fmt.Sprintf("the method is %s", m.MethodName)
	case c.Served != nil && !c.Served.MatchString(s.User):
		return fmt.Sprintf("the served user %q does not match %s", s.User, c.Served)
	case c.User != nil && !c.User.Match(user):
		return fmt.Sprintf("the user part %q of the Request-URI does not match %s", user, c.User)
	case c.Host != nil && !c.Host.Match(host):
		return fmt.Sprintf("the host %q of the Request-URI does not match %s", host, c.Host)
	case c.Header != "" && !hasHeader(m, c.Header, c.Value):
		if c.Value == nil {
			return "there is no " + c.Header
		}
		return fmt.Sprintf("no value of %s matches %s", c.Header, c.Value)
	case c.asksSubscriber() && sub == nil:
		return "nothing is known of the served user"
	case c.Service != "" && sub.Services[c.Service] == "":
		return "the served user has no document " + c.Service
	case c.Attribute != "" && !slices.ContainsFunc(sub.Attributes[c.Attribute], func(v string) bool { return c.Holds == nil || c.Holds.MatchString(v) }):
		return "the served user has no such attribute " + c.Attribute
	}
	return ""
}

// hasHeader tells whether a header is there with a value that fits; nil fits any.
func hasHeader(m *sip.Message, name string, fits *regexp.Regexp) bool {
	id := sip.HeaderIDOf([]byte(name))
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.ID == id && (id != sip.HdrOther || sip.EqualFold(h.Name, name)) && (fits == nil || fits.Match(h.Value)) {
			return true
		}
	}
	return false
}
