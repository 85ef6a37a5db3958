// Package ims is the application server's role in the IMS: what lies above the call and below the services.
//
// It owns subscriber data: who a user is and what the network knows of him, from sources in the order of the
// configuration (Sh, an LDAP directory, a YAML file). It does not own calls (package b2bua), Diameter or the cache of Sh
// (package diameter), or what a service does with the data.
//
// Nothing here runs a goroutine. A source may be asked from any; Load waits for the answer or the context.
//
//	s := ims.Sources{ims.NewSh(shConfig, shCache), directory, file}
//	alice, err := s.Load(ctx, ims.Query{By: ims.ByIMPU, Value: "sip:alice@ims.example"})
//	if errors.Is(err, ims.ErrNotFound) { ... }
package ims
