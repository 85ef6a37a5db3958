// Package dict holds the Diameter dictionaries: the base protocol and Sh, as XML of our own for go-diameter's codec.
//
// It owns the XML files, the names of applications, commands and AVP codes, and the index that the guard of package
// diameter reads to tell known AVPs from unknown ones. It owns no connection and runs no goroutine.
//
// An AVP is always found by vendor and code together: 621, 623 and 650 are different AVPs at the IETF and at 3GPP.
//
//	d, err := dict.New()
//	t, known := d.Type(dict.Sh, dict.Key{Vendor: dict.Vendor3GPP, Code: dict.UserData})
package dict
