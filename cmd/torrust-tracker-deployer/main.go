// Command torrust-tracker-deployer deploys BitTorrent trackers on machines.
//
//	torrust-tracker-deployer COMMAND|TARGET… ENV [KEY=VALUE…] [--flags]
//
// The program is [run]; everything it touches of the process comes in as
// [streams]. One file holds one command, named for it. A command loads an
// environment (find.go, load.go), wires vault, providers, machines and engine
// together (wire.go), and hands the engine's events to a view: live.go on a
// terminal, plain.go elsewhere, stream.go for --json, and journalling.go for
// --log-file are readers of one stream.
//
// Flags, colours, logrus and exit codes exist only in this package; nothing
// imports it.
package main

import (
	"context"
	"os"
	"runtime/debug"
)

// garbage is GOGC where the operator sets none: a run is short, and collecting
// as often as by default is a seventh of the time that an evaluation takes.
const garbage = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	os.Exit(run(context.Background(), os.Args[1:], processStreams()))
}
