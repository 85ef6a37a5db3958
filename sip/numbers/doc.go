// Package numbers rewrites telephone numbers and the URIs that they stand in: prefixes, regular expressions with templates, E.164.
// It owns no state and starts nothing; its functions may be used by anybody.
//
//	rules := numbers.Rules{{Region: "DE"}, {Match: regexp.MustCompile(`^\+49`), StripText: "+49", Prefix: "0"}}
//	rules.Apply("0049 30 123456") // 030123456
package numbers
