// Package cdr holds call detail records and what keeps them: a Writer takes records without blocking and hands them in
// groups, at most 50 ms late, to its Store, a File or a table of a database (package postgres). The Writer's goroutine alone
// uses the Store; it ends with Close.
//
//	file, _ := cdr.OpenFile("cdr.jsonl", cdr.Rotate{Size: 100 << 20})
//	w := cdr.NewWriter(file, log, nil)
//	w.Write(cdr.Record{Kind: cdr.Attempt, Call: 1, Status: 486})
//	w.Close()
package cdr
