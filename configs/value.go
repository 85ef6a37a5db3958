package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/bifrons/bifrons/media/codec"
)

// The scalars of the file. Every error says what is wrong and what to write.

// option is one word a setting may be, and what it means.
type option[T any] struct {
	word string
	is   T
}

func named[T any](word string, is T) option[T] { return option[T]{word, is} }

func same[T ~string](is T) option[T] { return option[T]{string(is), is} }

// codecs are those that Bifrons can speak.
func codecs() (out []option[string]) {
	for _, name := range []string{codec.PCMA, codec.PCMU, codec.G722, codec.L16, codec.AMR, codec.AMRWB} {
		out = append(out, same(name))
	}
	return out
}

func choice[T any](options ...option[T]) func(string) (T, error) {
	return func(s string) (T, error) {
		words := make([]string, len(options))
		for i, o := range options {
			if o.word == s {
				return o.is, nil
			}
			words[i] = o.word
		}
		var none T
		return none, unknownWord{"unknown value " + tick(s) + suggest(s, words), words}
	}
}

// unknownWord is the error of a value that is none of some words.
type unknownWord struct {
	text  string
	valid []string
}

// Error says which words there are.
func (e unknownWord) Error() string { return e.text }

func word(s string) (string, error) {
	if s == "" {
		return "", errors.New("is empty; give a name or remove it")
	}
	return s, nil
}

// sideName keeps names short and plain: they become labels of metrics and words of logs.
func sideName(s string) error {
	ok := s != "" && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z'
	for _, c := range s {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}
	if !ok {
		return fmt.Errorf("%s cannot name a side; use up to 32 of a-z, 0-9 and -, a letter first", tick(s))
	}
	return nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s is not a duration; write a number with its unit, such as 500ms, 30s or 3m", tick(s))
	case d < 0:
		return 0, fmt.Errorf("%s is less than nothing; write a positive duration", tick(s))
	}
	return d, nil
}

// number reads a decimal; YAML's octal, hexadecimal and 1_000 are more likely slips.
func number(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(n) != s {
		return 0, fmt.Errorf("%s is not a number; write digits only, such as 70", tick(s))
	}
	return n, nil
}

// size reads a number of bytes, with KB, MB or GB of 1024.
func size(s string) (int64, error) {
	digits, shift := s, 0
	for i, unit := range []string{"KB", "MB", "GB"} {
		if n, ok := strings.CutSuffix(s, unit); ok {
			digits, shift = n, 10*(i+1)
		}
	}
	n, err := number(digits)
	if err != nil || n < 0 || n > 1<<32 {
		return 0, fmt.Errorf("%s is not a size; write a number of bytes, or one with KB, MB or GB, such as 100MB", tick(s))
	}
	return int64(n) << shift, nil
}

func ports(s string) (PortRange, error) {
	first, last, _ := strings.Cut(s, "-")
	a, errA := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	b, errB := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if errA != nil || errB != nil {
		return PortRange{}, fmt.Errorf("%s is not a range of ports; write first-last, such as 20000-39999", tick(s))
	}
	return PortRange{uint16(a), uint16(b)}, nil
}

func network(s string) (netip.Prefix, error) {
	if a, err := addr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%s is not a network; write an address or a prefix, such as 192.0.2.0/24", tick(s))
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has bits beyond its length; write %s or the single address %s", tick(s), tick(p.Masked().String()), tick(p.Addr().String()))
	}
	return p, nil
}

// addr reads one address that packets can be sent from and to.
func addr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%s is not an IP address; write one such as 192.0.2.1 (names are not looked up here)", tick(s))
	case a.IsUnspecified():
		return netip.Addr{}, fmt.Errorf("%s stands for every address of the machine; write the one that is meant", tick(s))
	case a.IsMulticast():
		return netip.Addr{}, fmt.Errorf("%s is a multicast address; write the address of one machine", tick(s))
	case a.Zone() != "":
		return netip.Addr{}, fmt.Errorf("%s has a zone, which no SIP header can carry; write a global address", tick(s))
	}
	return a.Unmap(), nil
}

func addrOrNone(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	return addr(s)
}

func addrPort(s string) (netip.AddrPort, error) {
	h, p, ok := splitPort(s)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%s has no port; write address:port, such as 192.0.2.1:5060 or '[2001:db8::1]:5060'", tick(s))
	}
	a, err := addr(h)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s is not a port; write a number up to 65535", tick(p))
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

// splitPort cuts host:port; the host loses its brackets. A bare IPv6 address has no port.
func splitPort(s string) (host, port string, ok bool) {
	if rest, bracket := strings.CutPrefix(s, "["); bracket {
		host, rest, ok = strings.Cut(rest, "]")
		port, colon := strings.CutPrefix(rest, ":")
		return host, port, ok && colon
	}
	if strings.Count(s, ":") > 1 {
		return s, "", false
	}
	return strings.Cut(s, ":")
}

func addrPortOrNone(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	return addrPort(s)
}

// addrMaybePort reads an address, with port 0 when it has none.
func addrMaybePort(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	if _, _, ok := splitPort(s); ok {
		return addrPort(s)
	}
	a, err := addr(strings.Trim(s, "[]"))
	return netip.AddrPortFrom(a, 0), err
}

func listener(s string) (Listener, error) {
	net, rest, ok := strings.Cut(s, ":")
	switch {
	case ok && (net == "udp" || net == "tcp" || net == "tls"):
		a, err := addrPort(rest)
		return Listener{net, a}, err
	case ok && (net == "ws" || net == "wss" || net == "sctp"):
		return Listener{}, fmt.Errorf("%s: %s is not served yet; write udp:%s", tick(s), net, rest)
	}
	return Listener{}, fmt.Errorf("%s does not name its transport; write udp:, tcp: or tls:address:port, such as udp:192.0.2.1:5060", tick(s))
}

// hop reads a next hop: a sip URI with an address or a name for a host.
func hop(s string) (Hop, error) {
	if s == "" {
		return Hop{}, nil
	}
	rest, ok := strings.CutPrefix(s, "sip:")
	if !ok {
		return Hop{}, fmt.Errorf("%s is not a next hop we can use; write sip:address:port, such as sip:192.0.2.7:5060", tick(s))
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"?,", r) }) {
		return Hop{}, fmt.Errorf("%s has characters that no next hop has; write sip:address:port", tick(s))
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	rest, params, _ := strings.Cut(rest, ";")
	network, told := "udp", false
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.ToLower(p), "=")
		switch {
		case name == "transport" && (value == "udp" || value == "tcp" || value == "tls"):
			network, told = value, true
		case p != "" && p != "lr":
			return Hop{}, fmt.Errorf("%s: parameter %s has no meaning here yet; only lr and transport=udp, tcp or tls do", tick(s), tick(p))
		}
	}
	if h, p, ok := splitPort(rest); h != "" && !isAddr(strings.Trim(h, "[]")) && strings.ContainsFunc(h, letter) {
		if err := nameAndPort(h, p, ok || strings.HasSuffix(rest, ":")); err != nil {
			return Hop{}, err
		}
		return Hop{URI: s, Name: rest, Network: network, Told: told}, nil
	}
	a, err := addrMaybePort(rest)
	if err != nil {
		return Hop{}, err
	}
	if !a.IsValid() {
		return Hop{}, fmt.Errorf("%s has no address; write sip:address:port", tick(s))
	}
	if a.Port() == 0 {
		a = netip.AddrPortFrom(a.Addr(), map[string]uint16{"udp": 5060, "tcp": 5060, "tls": 5061}[network])
	}
	return Hop{URI: s, Addr: a, Network: network, Told: told}, nil
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' }

// nameAndPort checks a name and its port, if it has one.
func nameAndPort(name, port string, has bool) error {
	if err := domain(name); err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); has && (err != nil || n == 0) {
		return fmt.Errorf("%s is not a port; write a number up to 65535", tick(port))
	}
	return nil
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// domain checks a host name or an address in the form a SIP URI has it (RFC 3261 25.1, host).
func domain(s string) error {
	if s == "" || isAddr(strings.Trim(s, "[]")) {
		return nil
	}
	ok := len(s) <= 253
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		ok = ok && label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-'
		for _, c := range label {
			ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-')
		}
	}
	if !ok {
		return fmt.Errorf("%s is not a host name; write one such as ims.example.org, without sip: or port", tick(s))
	}
	return nil
}

// headerName checks a token (RFC 3261 25.1).
func headerName(s string) error {
	for _, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-.!%*_+`'~", c) {
			return fmt.Errorf("%s is not the name of a header; write one such as P-Asserted-Identity, without the colon", tick(s))
		}
	}
	return nil
}

func expression(s string) (*regexp.Regexp, error) {
	if s == "" {
		return nil, nil
	}
	re, err := regexp.Compile(s)
	if err != nil {
		why := err.Error()
		if se, ok := errors.AsType[*syntax.Error](err); ok {
			why = se.Code.String() + " at " + tick(se.Expr)
		}
		return nil, fmt.Errorf("%s is not a regular expression: %s; see https://pkg.go.dev/regexp/syntax, and write \\ before + . * ? ( ) [ ] that stand for themselves", tick(s), why)
	}
	return re, nil
}
