// Package script walks through menus without a call: it plays the caller and the world for package walk. Try does it for a person
// at a terminal, Test for walks that are written down in files, and counts which nodes and branches they came through.
//
// A file of walks is lines of text:
//
//	menu company.yaml
//
//	walk somebody calls at night
//	at 2026-11-27 22:00
//	hear "closed"
//	press 1
//	ends
//
// Nothing here runs a goroutine. Time is skipped, never waited for.
package script
