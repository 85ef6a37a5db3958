package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bifrons/bifrons/diameter/sh"
)

// Command is one word of the command line, for the help.
type Command struct {
	Name string
	Args string
	Help string
	run  func(s *Session, ctx context.Context, args []string) error
}

// Commands returns every command in the order of the help.
func Commands() []Command {
	read := func(name, help string, ref sh.Reference) Command {
		return Command{Name: name, Args: "IDENTITY", Help: help, run: func(s *Session, ctx context.Context, args []string) error {
			return s.read(ctx, ref, args)
		}}
	}
	return []Command{
		read("user-state", "IMS user state; with --domain cs or ps the state in that domain", sh.RefIMSUserState),
		read("scscf", "name of the S-CSCF", sh.RefSCSCFName),
		read("identities", "public identities; --identity-set chooses", sh.RefIMSPublicIdentity),
		read("location", "location; --domain cs or ps, --active asks the network", sh.RefLocationInformation),
		read("ifc", "initial filter criteria of --server-name", sh.RefInitialFilterCriteria),
		read("charging", "charging functions", sh.RefChargingInformation),
		read("msisdn", "numbers", sh.RefMSISDN),
		read("psi", "whether a public service identity is active", sh.RefPSIActivation),
		{"dsai", "IDENTITY [TAG]", "whether a service activation tag (or --tag) of --server-name is active", (*Session).dsai},
		{"get", "IDENTITY REFERENCE", "any data reference, by name or number", (*Session).get},
		{"repository get", "IDENTITY SERVICE", "transparent data of a service", (*Session).repositoryGet},
		{"repository put", "IDENTITY SERVICE [FILE]", "write transparent data from a file or standard input", (*Session).repositoryPut},
		{"repository delete", "IDENTITY SERVICE", "delete transparent data", (*Session).repositoryDelete},
		{"subscribe", "IDENTITY [REFERENCE] [SERVICE]", "print notifications until interrupted: of user-state, scscf ...", (*Session).subscribe},
	}
}

// Run carries out one command and writes its answer.
func (s *Session) Run(ctx context.Context, out io.Writer, args []string) error {
	s.out = out
	c, rest, err := find(args)
	if err != nil {
		return err
	}
	return c.run(s, ctx, rest)
}

// Check tells what is wrong with the words of a command, without asking anybody.
func Check(args []string) error {
	_, _, err := find(args)
	return err
}

// RealmOf returns the host of the SIP URI in the words of a command, a realm to present oneself with; empty if there is none.
func RealmOf(args []string) string {
	for _, a := range args {
		if _, host, ok := strings.Cut(sh.Canonical(a), "@"); ok && strings.HasPrefix(a, "sip") {
			host, _, _ = strings.Cut(host, ":")
			return host
		}
	}
	return ""
}

// find returns the command and the arguments that belong to it.
func find(args []string) (c Command, rest []string, err error) {
	for _, c := range Commands() {
		words := strings.Fields(c.Name)
		if len(args) < len(words) || strings.Join(args[:len(words)], " ") != c.Name {
			continue
		}
		rest := args[len(words):]
		most := len(strings.Fields(c.Args))
		if len(rest) < most-strings.Count(c.Args, "[") || len(rest) > most {
			return c, nil, fmt.Errorf("usage: %s %s", c.Name, c.Args)
		}
		return c, rest, nil
	}
	return c, nil, fmt.Errorf("no such command: %s", strings.Join(args, " "))
}

// parseReference reads a data reference: its name, its number, or the word of a command such as user-state.
func parseReference(s string) (sh.Reference, error) {
	words := map[string]sh.Reference{
		"user-state": sh.RefIMSUserState, "scscf": sh.RefSCSCFName, "identities": sh.RefIMSPublicIdentity, "location": sh.RefLocationInformation,
		"ifc": sh.RefInitialFilterCriteria, "charging": sh.RefChargingInformation, "msisdn": sh.RefMSISDN, "psi": sh.RefPSIActivation,
		"dsai": sh.RefDSAI, "repository": sh.RefRepositoryData,
	}
	if ref, ok := words[s]; ok {
		return ref, nil
	}
	if ref, ok := sh.ParseReference(s); ok {
		return ref, nil
	}
	return 0, fmt.Errorf("%q is no data reference", s)
}

// query returns the request for a reference with what the flags say.
func (s *Session) query(identity string, ref sh.Reference) (*sh.UDR, error) {
	id, err := sh.ParseIdentity(identity)
	if err != nil {
		return nil, err
	}
	o := s.opts
	q := &sh.UDR{Identity: id, References: []sh.Reference{ref}, ServerName: o.ServerName, PrivateIdentity: o.Private}
	if ref == sh.RefDSAI {
		q.DSAITags = slices.Clone(o.Tags)
	}
	if s.remote == nil && o.ServerName == "" && (ref == sh.RefDSAI || ref == sh.RefInitialFilterCriteria) {
		return nil, fmt.Errorf("%s needs --server-name, the SIP URI of the application server", ref)
	}
	switch o.Domain {
	case "":
	case "cs", "ps":
		d := sh.CS
		if o.Domain == "ps" {
			d = sh.PS
		}
		q.RequestedDomain = &d
		if ref == sh.RefIMSUserState {
			q.References[0] = sh.RefUserState
		}
	default:
		return nil, fmt.Errorf("domain %q is neither cs nor ps", o.Domain)
	}
	if o.Active {
		now := sh.ActiveLocation
		q.CurrentLocation = &now
	}
	if ref == sh.RefIMSPublicIdentity && o.IdentitySet != "" {
		sets := map[string]sh.IdentitySet{
			"all": sh.AllIdentities, "registered": sh.RegisteredIdentities, "implicit": sh.ImplicitIdentities, "alias": sh.AliasIdentities,
		}
		set, ok := sets[o.IdentitySet]
		if !ok {
			return nil, fmt.Errorf("identity set %q is none of all, registered, implicit, alias", o.IdentitySet)
		}
		q.IdentitySets = []sh.IdentitySet{set}
	}
	return q, nil
}

func (s *Session) ask(ctx context.Context, q *sh.UDR) error {
	if s.remote != nil {
		return s.askRemote(ctx, q)
	}
	a, err := s.client.UDR(ctx, q)
	if err != nil {
		return explain(err)
	}
	return s.print(a.Data, a.XML)
}

// explain adds to an error of the HSS what can be done about it.
func explain(err error) error {
	if e, ok := errors.AsType[*sh.Error](err); ok {
		return fmt.Errorf("%w (%s)", err, e.Action())
	}
	return err
}

func (s *Session) read(ctx context.Context, ref sh.Reference, args []string) error {
	q, err := s.query(args[0], ref)
	if err != nil {
		return err
	}
	return s.ask(ctx, q)
}

func (s *Session) get(ctx context.Context, args []string) error {
	ref, err := parseReference(args[1])
	if err != nil {
		return err
	}
	return s.read(ctx, ref, args[:1])
}

func (s *Session) dsai(ctx context.Context, args []string) error {
	q, err := s.query(args[0], sh.RefDSAI)
	if err != nil {
		return err
	}
	if q.DSAITags = append(q.DSAITags, args[1:]...); len(q.DSAITags) == 0 {
		return errors.New("dsai needs a tag: dsai IDENTITY TAG, or --tag")
	}
	return s.ask(ctx, q)
}

func (s *Session) repositoryGet(ctx context.Context, args []string) error {
	q, err := s.query(args[0], sh.RefRepositoryData)
	if err != nil {
		return err
	}
	q.ServiceIndications = args[1:]
	return s.ask(ctx, q)
}

func (s *Session) repositoryPut(ctx context.Context, args []string) error {
	data, err := s.input(args[2:])
	if err != nil {
		return err
	}
	return s.repositoryWrite(ctx, args, data)
}

func (s *Session) repositoryDelete(ctx context.Context, args []string) error {
	return s.repositoryWrite(ctx, args, nil)
}

func (s *Session) repositoryWrite(ctx context.Context, args []string, data sh.RawXML) error {
	id, err := sh.ParseIdentity(args[0])
	if err != nil {
		return err
	}
	var r sh.Repository
	if s.remote != nil {
		if err = s.noTrace(); err == nil {
			r.Sequence, err = s.remote.write(ctx, id, args[1], data)
		}
	} else {
		r, err = s.client.UpdateRepositoryData(ctx, id, args[1], func(sh.RawXML) (sh.RawXML, error) { return data, nil })
	}
	if err != nil {
		return explain(err)
	}
	if data == nil {
		_, err = fmt.Fprintf(s.out, "%s deleted\n", args[1])
	} else {
		_, err = fmt.Fprintf(s.out, "%s stored with sequence number %d\n", args[1], r.Sequence)
	}
	return err
}

func (s *Session) input(file []string) (sh.RawXML, error) {
	if len(file) > 0 {
		return os.ReadFile(file[0])
	}
	in := s.opts.In
	if in == nil {
		in = os.Stdin
	}
	return io.ReadAll(in)
}

// subscribe prints the data as they are and then each notification, until the context ends; then it unsubscribes.
func (s *Session) subscribe(ctx context.Context, args []string) error {
	ref := sh.RefIMSUserState
	var err error
	if len(args) > 1 {
		if ref, err = parseReference(args[1]); err != nil {
			return err
		}
	}
	q, err := s.query(args[0], ref)
	if err != nil {
		return err
	}
	sub := &sh.SNR{
		Identity: q.Identity, References: q.References, SendData: true, ServerName: q.ServerName, IdentitySets: q.IdentitySets,
		PrivateIdentity: q.PrivateIdentity, OneTime: ref == sh.RefUEReachabilityForIP,
	}
	sub.DSAITags = q.DSAITags
	if len(args) > 2 {
		if ref == sh.RefDSAI {
			sub.DSAITags = append(sub.DSAITags, args[2:]...)
		} else {
			sub.ServiceIndications = args[2:]
		}
	}
	if s.remote != nil {
		return s.follow(ctx, sub)
	}
	if err := s.begin(ctx, sub); err != nil {
		return err
	}
	for {
		select {
		case <-s.again: // the connection was lost, and perhaps the subscription
			s.head(sub.Identity)
			if err := s.begin(ctx, sub); err != nil {
				return err
			}
		case n := <-s.notes:
			s.head(n.Identity)
			if err := s.print(n.Data, n.XML); err != nil {
				return err
			}
		case <-ctx.Done():
			bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.Timeout)
			defer cancel()
			sub.Unsubscribe, sub.SendData = true, false
			_, err := s.client.SNR(bye, sub)
			return err
		}
	}
}

// begin subscribes and prints the data as they are.
func (s *Session) begin(ctx context.Context, sub *sh.SNR) error {
	select {
	case <-s.again: // that is this connection
	default:
	}
	a, err := s.client.SNR(ctx, sub)
	if err != nil || a.Data == nil {
		return explain(err)
	}
	return s.print(a.Data, a.XML)
}

// head tells people when a notification came, and of whom.
func (s *Session) head(id sh.Identity) {
	if !s.opts.JSON && !s.opts.XML {
		fmt.Fprintf(s.out, "%s %s\n", time.Now().Format(time.TimeOnly), id)
	}
}
