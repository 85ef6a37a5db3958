package hss

import (
	"reflect"

	"github.com/fiorix/go-diameter/v4/diam"

	"github.com/bifrons/bifrons/diameter"
	"github.com/bifrons/bifrons/diameter/dict"
	"github.com/bifrons/bifrons/diameter/sh"
)

func isZero[T any](v T) bool { return reflect.ValueOf(&v).Elem().IsZero() }

// change is one part of a PUR, checked and ready to be done.
type change func()

func (s *Server) pur(r *diameter.Request, as asker, q *sh.PUR, tableErr error) (*diam.Message, error) {
	bits, feats, err := features(q.Features)
	if err != nil {
		return nil, err
	}
	// TS 29.329 6.1.3: several references only with Update-Eff-Enhance.
	if len(q.References) > 1 && bits&sh.UpdateEffEnhance == 0 {
		return nil, &sh.Error{Code: uint32(diameter.AVPOccursTooManyTimes), Missing: dict.DataReference}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f, err := s.admit(as, sh.Update, q.Identity, q.References, q.PrivateIdentity, tableErr)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, ref := range q.References {
		c, err := s.prepare(f, ref, q.Data, bits)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c...)
	}
	s.mutate(f.record, func() {
		for _, c := range changes {
			c()
		}
	})
	a := r.Answer(diameter.Success)
	answer := sh.UDA{Wildcards: f.wilds, Features: feats}
	return a, answer.Append(a)
}

// prepare checks one reference of a PUR; nothing is changed before all of them are good.
func (s *Server) prepare(f found, ref sh.Reference, d *sh.Data, bits uint32) ([]change, error) {
	missing := experimental(sh.UserDataNotRecognized, "no "+ref.String()+" in the document")
	if bits&(sh.UpdateEff|sh.UpdateEffEnhance) != 0 {
		missing.FailedReference = &ref
	}
	i := d.IMS
	if i == nil {
		i = new(sh.IMSData)
	}
	switch ref {
	case sh.RefRepositoryData:
		return s.prepareRepository(f, d.Repository, bits)
	case sh.RefPSIActivation:
		if i.PSIActivation == nil {
			return nil, missing
		}
		active := *i.PSIActivation == sh.PSIActive
		return []change{func() { f.PSIActive = &active }}, nil
	case sh.RefDSAI:
		if len(i.DSAI) == 0 {
			return nil, missing
		}
		return f.prepareDSAI(i.DSAI)
	case sh.RefSMSRegistrationInfo:
		reg := i.SMSRegistration
		// An absent element ends the registration.
		return []change{func() { f.sms = reg }}, nil
	case sh.RefSTNSR:
		if i.STNSR == nil {
			return nil, missing
		}
		return []change{func() { f.STNSR = *i.STNSR }}, nil
	}
	return nil, experimental(sh.OperationNotAllowed, ref.String())
}

func (f found) prepareDSAI(values []sh.DSAI) (out []change, err error) {
	for _, v := range values {
		n := -1
		for i, t := range f.DSAI {
			if t.Tag == v.Tag {
				n = i
			}
		}
		if n < 0 {
			return nil, experimental(sh.DSAINotAvailable, v.Tag)
		}
		out = append(out, func() { f.DSAI[n].Active = v.Value == sh.DSAIActive })
	}
	return out, nil
}

// prepareRepository applies the sequence rules of TS 29.328 6.1.2.
func (s *Server) prepareRepository(f found, list []sh.RepositoryData, bits uint32) (out []change, err error) {
	seen := make(map[string]bool)
	if len(list) == 0 {
		return nil, experimental(sh.UserDataNotRecognized, "no RepositoryData in the document")
	}
	if len(list) > 1 && bits&(sh.UpdateEff|sh.UpdateEffEnhance) == 0 {
		return nil, experimental(sh.UserDataNotRecognized, "several RepositoryData")
	}
	for _, d := range list {
		key := repoKey{f.public(f.id).Alias, d.ServiceIndication}
		stored, exists := f.repos[key]
		var e *sh.Error
		switch {
		case d.ServiceIndication == "" || seen[d.ServiceIndication]:
			e = experimental(sh.UserDataNotRecognized, "ServiceIndication")
		case !sh.ValidSequence(exists, stored.SequenceNumber, d.SequenceNumber):
			e = experimental(sh.TransparentDataOutOfSync, "")
		case !exists && d.ServiceData == nil:
			e = experimental(sh.OperationNotAllowed, "nothing to create")
		case len(d.ServiceData) > s.cfg.MaxServiceData:
			e = experimental(sh.TooMuchData, "")
		}
		if e != nil {
			if bits&(sh.UpdateEff|sh.UpdateEffEnhance) != 0 {
				e.FailedRepository = &sh.RepositoryDataID{ServiceIndication: d.ServiceIndication, SequenceNumber: d.SequenceNumber}
			}
			return nil, e
		}
		seen[d.ServiceIndication] = true
		out = append(out, func() {
			if d.ServiceData == nil {
				delete(f.repos, key)
			} else {
				f.repos[key] = d
			}
		})
	}
	return out, nil
}
