package ims

import "github.com/bifrons/bifrons/b2bua"

// HomeRow is a row of the ims-home table: a header, what an application server does with it on its way from leg to leg, and
// why.
type HomeRow struct {
	Name string
	Rule b2bua.Rule
	Why  string
}

// HomeTable returns what IMS needs to cross inside one trust domain (TS 24.229 5.7.1 and 5.7.5), and what must not. A header
// that is not here crosses, as TS 24.229 5.7.5.1 wants of a B2BUA.
func HomeTable() []HomeRow {
	carry, drop, mapped, host := b2bua.Rule{Action: b2bua.Carry}, b2bua.Rule{Action: b2bua.Drop}, b2bua.Rule{Action: b2bua.Map}, b2bua.Rule{Action: b2bua.Host}
	return []HomeRow{
		{"P-Asserted-Identity", carry, "who calls, and who answered (TIP); up to two values"},
		{"P-Preferred-Identity", drop, "consumed by the P-CSCF"},
		{"Privacy", carry, "obeyed at the edge of the trust domain"},
		{"P-Served-User", drop, "consumed here (RFC 5502); an originating server sets its own"},
		{"P-Charging-Vector", carry, "one ICID for the whole session"},
		{"P-Charging-Function-Addresses", carry, "where the network charges"},
		{"P-Access-Network-Info", carry, "the access, perhaps the cell"},
		{"P-Visited-Network-ID", carry, "where the user is"},
		{"P-Asserted-Service", carry, "the ICSI the S-CSCF asserts (RFC 6050)"},
		{"P-Preferred-Service", drop, "consumed by the S-CSCF"},
		{"Accept-Contact", carry, "the S-CSCF picks the contact by it (RFC 3841)"},
		{"Reject-Contact", carry, "the S-CSCF picks the contact by it (RFC 3841)"},
		{"Request-Disposition", carry, "forking as the caller wants it (RFC 3841)"},
		{"Feature-Caps", carry, "without it no handover (RFC 6809)"},
		{"P-Early-Media", carry, "gates early media (RFC 5009)"},
		{"P-Called-Party-ID", carry, "which identity was called"},
		{"P-Associated-URI", carry, "identities of a registration"},
		{"History-Info", carry, "the way the call took (RFC 7044)"},
		{"Diversion", carry, "the same, older (RFC 5806)"},
		{"Session-ID", carry, "made to cross (RFC 7989)"},
		{"Resource-Priority", carry, "priority of the call (RFC 4412)"},
		{"Priority", carry, "urgency for people"},
		{"Geolocation", carry, "where an emergency caller is (RFC 6442)"},
		{"Geolocation-Routing", carry, "belongs to it"},
		{"User-to-User", carry, "data between the users (RFC 7433)"},
		{"Subject", carry, "for people"},
		{"Alert-Info", carry, "the ring tone, urn:alert (RFC 7462)"},
		{"Call-Info", carry, "about the caller, inside the domain"},
		{"Answer-Mode", carry, "push to talk (RFC 5373)"},
		{"Priv-Answer-Mode", carry, "push to talk (RFC 5373)"},
		{"Accept-Language", carry, "for people"},
		{"Recv-Info", carry, "INFO packages (RFC 6086)"},
		{"Info-Package", carry, "INFO packages (RFC 6086)"},
		{"Referred-By", carry, "who transferred (RFC 3892)"},
		{"Identity", carry, "the signed caller (RFC 8224); valid as long as what it signs is"},
		{"Identity-Info", carry, "belongs to it"},
		{"Refer-To", mapped, "names a dialog"},
		{"Replaces", mapped, "names a dialog (RFC 3891)"},
		{"Join", mapped, "names a dialog (RFC 3911)"},
		{"Target-Dialog", mapped, "names a dialog (RFC 4538)"},
		{"In-Reply-To", mapped, "names a dialog"},
		{"Error-Info", host, "URIs of the far side's machines go"},
		{"Warning", drop, "names the machine that warns"},
		{"User-Agent", drop, "software"},
		{"Server", drop, "software"},
		{"Organization", drop, "the far side's"},
		{"Path", drop, "registration only"},
		{"Service-Route", drop, "registration only"},
		{"Security-Client", drop, "ends at the P-CSCF"},
		{"Security-Server", drop, "ends at the P-CSCF"},
		{"Security-Verify", drop, "ends at the P-CSCF"},
		{"Authorization", drop, "credentials for one leg"},
		{"Proxy-Authorization", drop, "credentials for one leg"},
		{"WWW-Authenticate", drop, "a challenge on one leg"},
		{"Proxy-Authenticate", drop, "a challenge on one leg"},
	}
}

// HomePolicy is what crosses between two sides of one home network.
func HomePolicy() *b2bua.Policy {
	rows := HomeTable()
	table := make([]b2bua.HeaderRow, len(rows))
	for i, r := range rows {
		table[i] = b2bua.HeaderRow{Name: r.Name, Rule: r.Rule}
	}
	p := b2bua.NewPolicy("ims-home", 1, b2bua.TrustedPolicy(), table)
	for _, t := range []string{"application/3gpp-ims+xml", "application/isup", "application/pidf+xml", "application/resource-lists+xml"} {
		if err := p.SetBody(t, b2bua.Carry); err != nil {
			panic(err) // the list is constant
		}
	}
	return p
}
