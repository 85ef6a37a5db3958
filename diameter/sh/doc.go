// Package sh is the Sh interface of TS 29.328 and TS 29.329 between an application server and the HSS.
//
// It owns the commands as Go types (UDR, PUR, SNR and PNR with their answers), the table of data references, the
// Sh-Data document, the result codes with what to do about each, and the rules of transparent data. Both roles use the
// same types: Client sends them, package hss serves them. It does not own connections (package diameter) and keeps no
// subscriber data (package cache).
//
// Nothing here runs a goroutine. Client's methods may be called from any; they wait for the answer or the context. The
// handler of notifications runs on the reader of the connection and must not block.
//
//	c := sh.NewClient(endpoint, diameter.Route{Realm: "ims.example"})
//	a, err := c.UDR(ctx, &sh.UDR{Identity: sh.Public("sip:alice@ims.example"), References: []sh.Reference{sh.IMSUserState}})
//	if err == nil && a.Data.IMS != nil { fmt.Println(*a.Data.IMS.UserState) }
package sh
