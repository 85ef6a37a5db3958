package hss

import (
	"time"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/sh"
)

// supported are the features of list 1 that we have.
const supported = sh.NotifEff | sh.UpdateEff | sh.UpdateEffEnhance | sh.AdditionalMSISDN

// asker is the application server behind a request; relays may stand between.
type asker struct {
	host, realm string
}

func askerOf(m *diam.Message) asker {
	return asker{diameter.Text(m.AVP, 0, dict.OriginHost), diameter.Text(m.AVP, 0, dict.OriginRealm)}
}

// handlers returns the commands that an HSS serves.
func (s *Server) handlers() diameter.Handlers {
	return diameter.Handlers{
		sh.Command(dict.UserDataCommand): func(r *diameter.Request) {
			q, err := sh.ParseUDR(r.Message)
			s.serve(r, "UDR", q.Identity, func(as asker) (*diam.Message, error) { return s.udr(r, as, q, err) })
		},
		sh.Command(dict.ProfileUpdate): func(r *diameter.Request) {
			q, err := sh.ParsePUR(r.Message)
			s.serve(r, "PUR", q.Identity, func(as asker) (*diam.Message, error) {
				return s.once(r, as, func() (*diam.Message, error) { return s.pur(r, as, q, err) })
			})
		},
		sh.Command(dict.SubscribeNotifications): func(r *diameter.Request) {
			q, err := sh.ParseSNR(r.Message)
			s.serve(r, "SNR", q.Identity, func(as asker) (*diam.Message, error) { return s.snr(r, as, q, err) })
		},
	}
}

// serve answers a request, unless a fault says otherwise.
func (s *Server) serve(r *diameter.Request, command string, id sh.Identity, do func(asker) (*diam.Message, error)) {
	as := askerOf(r.Message)
	answer := func() {
		a, err := do(as)
		if err != nil {
			a = sh.Answer(r, err)
		}
		_ = r.Reply(a)
	}
	f, ok := s.faults.take(command, id, as.host)
	switch {
	case !ok:
		answer()
		return
	case f.Close:
		r.Disconnect()
		_ = r.Reply(nil)
		return
	}
	if err := f.error(); err != nil {
		answer = func() { _ = r.Reply(sh.Answer(r, err)) }
	}
	if f.Drop {
		answer = func() { _ = r.Reply(nil) }
	}
	if f.Delay == 0 {
		answer()
		return
	}
	s.wg.Go(func() {
		t := time.NewTimer(time.Duration(f.Delay))
		defer t.Stop()
		select {
		case <-t.C:
			answer()
		case <-s.ctx.Done():
			_ = r.Reply(nil)
		}
	})
}

// admit does the checks of TS 29.328 6.1 in their order: permission first, so that 5102 says nothing about whether the
// user exists. The lock is held.
func (s *Server) admit(as asker, op sh.Operation, id sh.Identity, refs []sh.Reference, private string, tableErr error) (found, error) {
	notAllowed := isExperimental(tableErr, sh.OperationNotAllowed)
	if tableErr != nil && !notAllowed {
		return found{}, tableErr
	}
	if err := s.permissions.check(as.host, op, refs); err != nil {
		return found{}, err
	}
	f, ok := s.store.find(id)
	if !ok {
		return found{}, experimental(sh.UserUnknown, "")
	}
	if private != "" && !f.private(private) {
		return found{}, experimental(sh.IdentitiesDontMatch, "")
	}
	if notAllowed {
		return found{}, tableErr
	}
	for _, ref := range refs {
		if err := f.allows(ref, op); err != nil {
			return found{}, err
		}
	}
	return f, nil
}

func isExperimental(err error, code uint32) bool {
	e, ok := err.(*sh.Error)
	return ok && e.Experimental && e.Code == code
}

// allows tells whether the kind of the identity fits the reference (column "key" of TS 29.328 table 7.6.1).
func (f found) allows(ref sh.Reference, op sh.Operation) error {
	service := f.Kind.service()
	switch ref {
	case sh.RefPSIActivation:
		if !service || op == sh.Update && f.Kind.wildcarded() {
			return experimental(sh.OperationNotAllowed, "PSIActivation is for a public service identity")
		}
	case sh.RefIMSUserState, sh.RefLocationInformation, sh.RefUserState, sh.RefServicePriorityLevel, sh.RefExtendedPriority,
		sh.RefReferenceLocation, sh.RefIMSPrivateUserIdentity:
		if service {
			return experimental(sh.OperationNotAllowed, ref.String()+" is not for a public service identity")
		}
	case sh.RefIPAddressBinding:
		// 29.328 7.6.17: a shared identity has no single address.
		if service || len(f.Private) > 1 {
			return experimental(sh.OperationNotAllowed, "not for a shared public identity")
		}
	case sh.RefSTNSR:
		if op == sh.Update && f.STNSR == "" {
			return experimental(sh.OperationNotAllowed, "no STN-SR is stored")
		}
	}
	return nil
}

// features negotiates Supported-Features: the bits both have, and what goes into the answer.
func features(asked []sh.Features) (bits uint32, answer []sh.Features, err error) {
	for _, f := range asked {
		if f.Vendor != dict.Vendor3GPP || f.ListID != 1 {
			if f.Insist {
				return 0, nil, experimental(sh.FeatureUnsupported, "feature list")
			}
			continue
		}
		if f.Insist && f.List&^supported != 0 {
			return 0, nil, experimental(sh.FeatureUnsupported, "")
		}
		bits |= f.List & supported
		answer = append(answer, sh.ShFeatures(supported))
	}
	return bits, answer, nil
}

func (s *Server) udr(r *diameter.Request, as asker, q *sh.UDR, tableErr error) (*diam.Message, error) {
	bits, feats, err := features(q.Features)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	f, err := s.admit(as, sh.Read, q.Identity, q.References, q.PrivateIdentity, tableErr)
	if err != nil {
		return nil, err
	}
	d := new(sh.Data)
	for _, ref := range q.References {
		views, err := f.views(ref, q, bits)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			f.render(v, d)
		}
	}
	answer := &sh.UDA{Wildcards: f.wilds, Features: feats}
	// TS 29.328 6.1.1: without Notif-Eff there is no User-Data when there is nothing to tell.
	if bits&sh.NotifEff != 0 || !empty(d) {
		answer.Data = d
	}
	a := r.Answer(diameter.Success)
	return a, answer.Append(a)
}

func empty(d *sh.Data) bool {
	ims := d.IMS
	if ims != nil && isZero(*ims) {
		d.IMS = nil
	}
	return isZero(*d)
}

// views splits a UDR's reference into what is to be rendered.
func (f found) views(ref sh.Reference, q *sh.UDR, bits uint32) ([]view, error) {
	v := view{
		ref: ref, serverName: q.ServerName, domain: q.RequestedDomain, nodes: q.RequestedNodes,
		active: q.CurrentLocation != nil && *q.CurrentLocation == sh.ActiveLocation, empty: bits&sh.NotifEff != 0,
	}
	return f.split(v, q.ServiceIndications, q.DSAITags, q.IdentitySets, bits)
}

// split makes a view per service, tag or identity set.
func (f found) split(v view, services, tags []string, sets []sh.IdentitySet, bits uint32) (out []view, err error) {
	switch v.ref {
	case sh.RefRepositoryData:
		for _, s := range services {
			v.service = s
			out = append(out, v)
		}
	case sh.RefDSAI:
		for _, t := range tags {
			if !f.hasTag(v.serverName, t) {
				return nil, experimental(sh.DSAINotAvailable, t)
			}
			v.tag = t
			out = append(out, v)
		}
	case sh.RefIMSPublicIdentity:
		if len(sets) == 0 {
			sets = []sh.IdentitySet{sh.AllIdentities}
		}
		if len(sets) > 1 && bits&sh.NotifEff == 0 {
			// TS 29.328 7.10: several only when Notif-Eff is supported.
			return nil, &sh.Error{Code: uint32(diameter.AVPOccursTooManyTimes), Missing: dict.IdentitySet}
		}
		for _, s := range sets {
			v.set, v.named = s, bits&sh.NotifEff != 0
			out = append(out, v)
		}
	default:
		out = append(out, v)
	}
	return out, nil
}

func (f found) hasTag(server, tag string) bool {
	for _, t := range f.DSAI {
		if t.ServerName == server && t.Tag == tag {
			return true
		}
	}
	return false
}
