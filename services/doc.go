// Package services is the catalogue of applications: what a chain may name, how each is made, and what happens when it
// fails. One folder below is one service is one App. Services do not import one another.
package services
