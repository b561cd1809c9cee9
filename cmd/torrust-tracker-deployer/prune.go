package main

import "context"

func (d *deployment) prune(ctx context.Context, m *monitor, ids []string) error { return nil }
