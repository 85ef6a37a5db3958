package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bifrons/bifrons/configs"
)

// warnings are what a configuration needs of the machine it is for and does not find on this one: the file may be right all the same, for
// it may be read elsewhere, or beside the server that runs on it.
func warnings(cfg *configs.Config, s *configs.Settings) (all []configs.Error) {
	for i := range cfg.Sides {
		side := &cfg.Sides[i]
		for k, at := range side.Listen {
			if err := bindable(at.Network, at.Addr); err != nil {
				path := "sides." + side.Name + ".listen"
				if len(side.Listen) > 1 {
					path += fmt.Sprintf("[%d]", k)
				}
				text := unbound(err).Error()
				if errors.Is(err, syscall.EADDRINUSE) {
					text = err.Error() + "; perhaps by the Bifrons that runs, which is well if this is its file or its next one; else stop the program that has it, or change `listen`"
				}
				all = append(all, s.At(path, "warning: "+text))
			}
		}
	}
	if file := cfg.CDR.File; file != "" && file != "-" {
		dir := filepath.Dir(file)
		switch info, err := os.Stat(dir); {
		case errors.Is(err, fs.ErrNotExist):
			all = append(all, s.At("cdr.file", fmt.Sprintf("warning: there is no directory %s for the call records: make it, writable for the server, or change `cdr.file`", dir)))
		case err != nil:
			all = append(all, s.At("cdr.file", fmt.Sprintf("warning: %v; let the server reach that directory, or change `cdr.file`", err)))
		case !info.IsDir():
			all = append(all, s.At("cdr.file", fmt.Sprintf("warning: %s is no directory: change `cdr.file`", dir)))
		}
	}
	return all
}

// bindable tells why an address cannot be listened at now.
func bindable(network string, at netip.AddrPort) error {
	var c interface{ Close() error }
	var err error
	if network == "udp" {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	} else {
		c, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	}
	if err != nil {
		return err
	}
	return c.Close()
}
