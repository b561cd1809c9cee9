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
	"runtime"
	"runtime/debug"
)

// garbage is GOGC where the operator sets none: a run is short, and collecting
// as often as by default is a seventh of the time that an evaluation takes.
const garbage = 400

// ballast is what the collector takes for memory in use from the beginning, in
// bytes. It is never touched, so that it takes none; what it does is that a heap
// below (1 + garbage/100) times as much, which is an environment of 10,000 tasks,
// is not collected at all: that would be another tenth of the time.
const ballast = 40 << 20

func main() {
	var untouched []byte
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
		untouched = make([]byte, ballast)
	}
	code := run(context.Background(), os.Args[1:], processStreams())
	runtime.KeepAlive(untouched)
	os.Exit(code)
}
