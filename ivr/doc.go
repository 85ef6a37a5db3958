// Package ivr is the App that walks callers through menus. What a menu is tells package flow, how it is walked package walk; here
// its requests become effects of a call, and the call's events inputs of the walk.
//
// An App is one application: a file that is read again when it changes. Each call keeps the version it began with. Where it is,
// its variables and its digits are saved with the call. What takes time, such as a look-up or a hook, runs beside the call
// by Step.Go; nothing here starts a goroutine. Refresh looks whether the file has changed; somebody has to call it now and then.
//
//	app, err := ivr.New(ivr.Config{Name: "company", File: "company.yaml"}, deps)
//	links[app.Name()] = app.Link()
//
// The application stands at the end of a chain, as `apps: [ivr/company]` at a side, or an App enters it with the effect
// Follow. A node with leave goes on to the Apps behind it, and at last to the routes.
package ivr
