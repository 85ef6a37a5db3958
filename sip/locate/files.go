package locate

import (
	"bufio"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// files are the system's: which name servers to ask, and names it knows itself. They are looked at again every few seconds.
type files struct {
	mu     sync.Mutex
	looked time.Time
	resolv watched[[]netip.AddrPort]
	hosts  watched[map[string][]netip.Addr]
}

// watched is what a file says, and when it was changed.
type watched[T any] struct {
	changed time.Time
	size    int64
	says    T
}

// look reads a file anew if it has changed; one that cannot be read leaves what it said.
func (w *watched[T]) look(path string, read func(string) (T, error)) {
	st, err := os.Stat(path)
	if path == "" || err != nil || st.ModTime().Equal(w.changed) && st.Size() == w.size {
		return
	}
	if says, err := read(path); err == nil {
		w.changed, w.size, w.says = st.ModTime(), st.Size(), says
	}
}

const lookAgain = 5 * time.Second

func (f *files) look(cfg *Config, now time.Time) {
	if !f.looked.IsZero() && now.Sub(f.looked) < lookAgain {
		return
	}
	f.looked = now
	if len(cfg.Servers) == 0 {
		f.resolv.look(cfg.Resolv, readResolv)
	}
	f.hosts.look(cfg.Hosts, readHosts)
}

// servers returns the name servers to ask.
func (f *files) servers(cfg *Config) []netip.AddrPort {
	if len(cfg.Servers) > 0 {
		return cfg.Servers
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look(cfg, cfg.Now())
	return f.resolv.says
}

// host returns the addresses of a name that the system knows itself.
func (f *files) host(cfg *Config, name string) []netip.Addr {
	if name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761 6.3
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.look(cfg, cfg.Now())
	return f.hosts.says[name]
}

func readResolv(path string) (out []netip.AddrPort, err error) {
	c, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, err
	}
	for _, s := range c.Servers {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.AddrPortFrom(a, 53))
		}
	}
	return out, nil
}

func readHosts(path string) (map[string][]netip.Addr, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	out := map[string][]netip.Addr{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		a, err := netip.ParseAddr(words[0])
		if err != nil || a.Zone() != "" {
			continue
		}
		for _, name := range words[1:] {
			name = strings.ToLower(strings.TrimSuffix(name, "."))
			out[name] = append(out[name], a.Unmap())
		}
	}
	return out, lines.Err()
}
