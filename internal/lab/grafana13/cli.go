package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
)

// cli is "grafana cli", of which it has "admin reset-admin-password".
func cli(args, environ []string, s streams) error {
	global := quietFlags("cli")
	global.String("homepath", "", "")
	global.String("config", "", "")
	if err := global.Parse(args); err != nil {
		return err
	}
	if rest := global.Args(); len(rest) < 2 || rest[0] != "admin" || rest[1] != "reset-admin-password" {
		return fmt.Errorf("cli: got %q, this stand-in has admin reset-admin-password", rest)
	}
	flags := quietFlags("reset-admin-password")
	fromStdin := flags.Bool("password-from-stdin", false, "")
	id := flags.Int64("user-id", 1, "")
	if err := flags.Parse(global.Args()[2:]); err != nil {
		return err
	}
	password := flags.Arg(0)
	if *fromStdin {
		fmt.Fprint(s.out, "New Password: ")
		scanner := bufio.NewScanner(s.in)
		if !scanner.Scan() {
			return errors.Join(errors.New("can't read password from stdin"), scanner.Err())
		}
		password = scanner.Text()
	}
	if *id != 1 {
		return fmt.Errorf("could not read user (id: %d) from database", *id)
	}
	return reset(password, environ, s)
}

func quietFlags(name string) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}

// reset gives the admin another password.
func reset(password string, environ []string, s streams) error {
	config, err := read(environ)
	if err != nil {
		return err
	}
	// Without a database, the original makes it first.
	if _, err := initialise(config); err != nil {
		return err
	}
	a, err := load(databaseOf(config))
	if err != nil {
		return err
	}
	if err := a.setPassword(password); err != nil {
		return err
	}
	if err := a.save(databaseOf(config)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "\nAdmin password changed successfully ✔")
	return err
}
