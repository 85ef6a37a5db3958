// Package locatetest is a name server for tests: a real one on a free port of 127.0.0.1, over UDP and TCP, whose zone is text.
package locatetest
