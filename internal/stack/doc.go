// Package stack holds tests that run the real programs of a stack as the
// standard library declares them, without a machine: every service of an
// environment is a process in namespaces of its own, with the image's files,
// the mounts, the user, the capabilities and the network that its declaration
// gives it. What Docker does beyond that is for the tests on real machines.
//
// The tests need root and the images of the lab.
package stack
