package main

import (
	"fmt"
	"os"

	"github.com/bifrons/bifrons/b2bua"
	"github.com/bifrons/bifrons/configs"
	"github.com/bifrons/bifrons/sip/digest"
	"github.com/bifrons/bifrons/sip/registrar"
)

// identify gives the call core the users, and each side who may send and who we are there.
func identify(cfg *configs.Config, core *b2bua.Config) error {
	core.Users = map[string]b2bua.User{}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		secret, err := secretOf(&u.Secret)
		if err != nil {
			return fmt.Errorf("user %s: %w", u.Name, err)
		}
		core.Users[u.Name] = b2bua.User{Secret: secret, Identity: u.Identity}
	}
	for i := range cfg.Sides {
		if err := identifySide(&cfg.Sides[i], core.Sides[i]); err != nil {
			return fmt.Errorf("side %s: %w", cfg.Sides[i].Name, err)
		}
		if cfg.Sides[i].Registrar && core.Registrar == nil {
			core.Registrar = registrar.New(registrar.DefaultConfig())
		}
	}
	return nil
}

func identifySide(c *configs.Side, s *b2bua.Side) error {
	s.Allow, s.AllowNames, s.AllowUsers, s.Registers = c.Allow.Networks, c.Allow.Names, c.Allow.Users, c.Registrar
	s.Digest = b2bua.Digest{Realm: c.Digest.Realm, Integrity: c.Digest.Integrity, Life: c.Digest.Nonce, Assert: c.Digest.Assert}
	for _, name := range c.Digest.Algorithms {
		s.Digest.Algorithms = append(s.Digest.Algorithms, digest.AlgorithmNamed(name))
	}
	for i := range c.Credentials {
		k := &c.Credentials[i]
		secret, err := secretOf(&k.Secret)
		if err != nil {
			return fmt.Errorf("credentials of %s: %w", k.User, err)
		}
		s.Logins = append(s.Logins, b2bua.Login{Login: digest.Login{User: k.User, Realm: k.Realm, Secret: secret}, Target: k.Target.Addr})
	}
	for _, t := range c.Trunks {
		at := t.Registrar
		if at.IsZero() {
			at = c.NextHop
		}
		s.Trunks = append(s.Trunks, b2bua.Trunk{AOR: t.AOR, Contact: t.Contact, Registrar: nextHop(at), Expires: t.Expires, Retry: t.Retry,
			KeepAlive: t.KeepAlive, CallerFrom: t.From == configs.FromCaller})
	}
	return nil
}

// secretOf reads a secret from where the configuration says it is.
func secretOf(s *configs.Secret) (digest.Secret, error) {
	out := digest.Secret{Password: s.Password, MD5: s.HA1, SHA256: s.HA1SHA256}
	switch {
	case s.PasswordFile != "":
		var err error
		if out.Password, err = configs.FirstLine(s.PasswordFile); err != nil {
			return out, err
		}
	case s.PasswordEnv != "":
		if out.Password = os.Getenv(s.PasswordEnv); out.Password == "" {
			return out, fmt.Errorf("the environment has no password in %s", s.PasswordEnv)
		}
	}
	return out, nil
}
