// Package configs owns the one configuration file: its types, their defaults,
// and a strict reader that reports every mistake of a file at once, each with
// file, line, column and what to write instead.
//
// It does not own what the settings do: cmd turns them into the servers of the
// other packages, and hands in the names of the policies and applications
// there are. Nothing here runs after start; no goroutine, no file kept open.
//
//	cfg, err := configs.Load("bifrons.yaml", configs.Known{
//		Policies: []string{"ims-home", "untrusted", "transparent"},
//		Apps:     []string{"example"},
//	})
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err) // bifrons.yaml:3:5: unknown key `lisen`, did you mean `listen`?
//	}
//
// The samples beside this file are also part of the binary: see Sample.
package configs
