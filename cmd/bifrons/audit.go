package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/b2bua/audit"
	"github.com/bifrons/bifrons/internal/leak"
)

func auditCommand() *cobra.Command {
	var a, b, names []string
	var config, policy string
	var raw bool
	cmd := &cobra.Command{
		Use:   "audit FILE.pcap --side-a NETWORK --side-b NETWORK",
		Short: "Judge a capture of any product: what of one network's secrets reached the other",
		Long: `Reads a capture (pcap or pcapng) of what a product between two networks received and sent, and lists what one network
told of itself that reached the other: addresses, hosts, Call-IDs, tags, branches, software names, o= fields, canonical
names, charging identities and RTP sources. What is in neither network is the product. It uses the code with which a
running server searches every message it sends.

It ends with 0 when nothing leaked, with 1 when something did.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New("audit takes one capture; see bifrons audit --help")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c := audit.Capture{Names: names}
			var err error
			if c.A, err = networks("--side-a", a); err != nil {
				return err
			}
			if c.B, err = networks("--side-b", b); err != nil {
				return err
			}
			for _, x := range c.A {
				for _, y := range c.B {
					if x.Overlaps(y) {
						return usageError{fmt.Errorf("%s of --side-a and %s of --side-b overlap: nothing can be told apart", x, y)}
					}
				}
			}
			p, err := policyNamed(config, policy)
			if err != nil {
				return err
			}
			c.Means = func(f audit.Field, k leak.Kind) bool { return p.Means(f, k, true) }
			return judge(cmd.OutOrStdout(), args[0], &c, raw)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&a, "side-a", nil, "one network, such as 10.0.0.0/8, or several with commas between them")
	f.StringSliceVar(&b, "side-b", nil, "the other network")
	f.StringSliceVar(&names, "name", nil, "a name that is no secret, such as the product's own domain")
	f.StringVar(&policy, "policy", "untrusted", "what may cross on purpose: a policy")
	f.StringVarP(&config, "config", "c", "", "configuration that defines the policy")
	f.BoolVar(&raw, "json", false, "print JSON")
	return cmd
}

// networks reads addresses and networks.
func networks(flag string, list []string) (out []netip.Prefix, err error) {
	if len(list) == 0 {
		return nil, usageError{fmt.Errorf("%s is missing; give a network such as 10.0.0.0/8", flag)}
	}
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %q is neither an address nor a network such as 10.0.0.0/8", flag, s)}
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// judge reads a capture and prints what it shows.
func judge(w io.Writer, path string, c *audit.Capture, raw bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	report, err := c.Judge(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if raw {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = showReport(w, report)
	}
	if n := len(report.Leaks); err == nil && n > 0 {
		err = fmt.Errorf("%s: %d leaks", path, n)
	}
	return err
}

// showReport prints each leak once, with the frame where it was first seen and how often it was seen in all.
func showReport(w io.Writer, r *audit.Report) error {
	fmt.Fprintf(w, "%d frames, %d SIP messages, %d RTP and %d RTCP packets\n", r.Frames, r.SIP, r.RTP, r.RTCP)
	for i, side := range [...]string{"A", "B"} {
		fmt.Fprintf(w, "side %s said %d secrets in %d messages and packets, and was sent %d\n", side, r.Secrets[i], r.Heard[i], r.Sent[i])
	}
	if r.Heard[0] == 0 || r.Heard[1] == 0 {
		fmt.Fprintln(w, "nothing came from one of the sides: are the networks right?")
	}
	if len(r.Leaks) == 0 {
		_, err := fmt.Fprintln(w, "no leaks")
		return err
	}
	type key struct{ from, field, name, kind, secret string }
	count := map[key]int{}
	for _, l := range r.Leaks {
		count[key{l.From, l.Field, l.Name, l.Kind, l.Secret}]++
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FRAME\tFROM\tTO\tFIELD\tWHAT\tSECRET\tHEARD IN FRAME\tTIMES")
	for _, l := range r.Leaks {
		k := key{l.From, l.Field, l.Name, l.Kind, l.Secret}
		if count[k] == 0 {
			continue
		}
		field := l.Field
		if field == "other header" || field == "body" {
			field = strings.TrimSpace(l.Name)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\n", l.Frame, l.From, l.To, field, l.Kind, l.Secret, l.Heard, count[k])
		count[k] = 0
	}
	return t.Flush()
}

// policyNamed finds a policy among the ready ones and those of a configuration.
func policyNamed(config, name string) (*b2bua.Policy, error) {
	all, _, err := policiesOf(config)
	if err != nil {
		return nil, err
	}
	if p := all[name]; p != nil {
		return p, nil
	}
	return nil, usageError{fmt.Errorf("no policy is named %q; valid: %s", name, strings.Join(policyNames(all), ", "))}
}
