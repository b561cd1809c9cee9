package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// loopback measures a directory with 30 files of 1 KB behind a sshd on
// loopback, the second run: nothing to change.
func (b *bench) loopback(ctx context.Context) error {
	s, err := openSandbox(ctx, b.work)
	if err != nil {
		return err
	}
	dir, err := b.project("loop", loopFile(0))
	if err != nil {
		return err
	}
	observe, err := b.recordObserve(ctx, s, dir)
	if err != nil {
		return err
	}
	end, err := s.serve(ctx, false)
	if err != nil {
		return err
	}
	defer end()
	noop := b.run(dir, "deploy", "loop")
	wall, cpu, err := median(ctx, rounds, observe, noop)
	if err != nil {
		return err
	}
	report("no-op deploy beside one ssh that runs its observe script", "<= 1.3x, < 1 s of our own", "%s, %.2fx; %s own",
		milliseconds(wall[1]), ratio(wall[1], wall[0]), milliseconds(cpu[1]))
	if err := b.oneFile(ctx, dir, observe, noop); err != nil {
		return err
	}
	return b.beside(ctx, s, noop)
}

// loopFile is the environment with 30 files; version changes one of them.
func loopFile(version int) string {
	return fmt.Sprintf(`environment(id = "loop-k3v9q2")
web = vm(name = "web", provider = existing(address = "127.0.0.1", user = "root", port = 2222))
[config_file(name = "file-%%d" %% i, host = web, path = "/srv/app/file-%%d" %% i,
    content = ("%%04d" %% (%d if i == 0 else 0)) * 256) for i in range(30)]
`, version)
}

// recordObserve deploys, records a second run, and returns the one ssh that
// runs exactly the same script on the machine.
func (b *bench) recordObserve(ctx context.Context, s *sandbox, dir string) (command, error) {
	end, err := s.serve(ctx, false)
	if err != nil {
		return command{}, err
	}
	_, _, err = b.run(dir, "deploy", "loop", "--yes").once(ctx)
	end()
	if err != nil {
		return command{}, err
	}
	if end, err = s.serve(ctx, true); err != nil {
		return command{}, err
	}
	_, _, err = b.run(dir, "deploy", "loop").once(ctx)
	end()
	if err != nil {
		return command{}, err
	}
	remote, err := os.ReadFile(filepath.Join(s.work, "command"))
	if err != nil {
		return command{}, err
	}
	stdin, err := os.ReadFile(filepath.Join(s.work, "stdin"))
	return s.ssh("observe", string(remote), stdin), err
}

// oneFile measures a deployment that changes one file.
func (b *bench) oneFile(ctx context.Context, dir string, observe, deploy command) error {
	path := filepath.Join(dir, "environments", "loop.star")
	var walls, bases []float64
	for i := range rounds {
		if err := os.WriteFile(path, []byte(loopFile(i+1)), 0o600); err != nil {
			return err
		}
		wall, _, err := deploy.once(ctx)
		if err != nil {
			return err
		}
		base, _, err := observe.once(ctx)
		if err != nil {
			return err
		}
		walls, bases = append(walls, float64(wall)), append(bases, float64(base))
	}
	report("one changed file beside the same ssh", "<= 3x", "%.0f ms, %.2fx", mean(walls)/1e6, mean(walls)/mean(bases))
	return nil
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// beside measures Ansible and pyinfra on the same files.
func (b *bench) beside(ctx context.Context, s *sandbox, noop command) error {
	ansible, pyinfra, err := b.peerCommands(s)
	if err != nil {
		return err
	}
	for _, c := range []command{ansible, pyinfra} { // the first run creates
		if _, _, err := c.once(ctx); err != nil {
			return err
		}
	}
	wall, _, err := median(ctx, slowRounds, noop, ansible, pyinfra)
	if err != nil {
		return err
	}
	report("no-op beside pyinfra on the same 30 files", ">= 25x faster", "pyinfra %s, %.0fx", milliseconds(wall[2]), ratio(wall[2], wall[0]))
	report("no-op beside Ansible on the same 30 files", ">= 80x faster", "Ansible %s, %.0fx", milliseconds(wall[1]), ratio(wall[1], wall[0]))
	return nil
}

// peerCommands writes the same 30 files in the words of the peers.
func (b *bench) peerCommands(s *sandbox) (ansible, pyinfra command, err error) {
	dir := filepath.Join(b.work, "peers")
	files := map[string]string{
		"ansible.cfg": "[defaults]\nhost_key_checking = False\n[ssh_connection]\npipelining = True\n" +
			"ssh_args = -o ControlMaster=auto -o ControlPersist=60s\n",
		"inventory.ini": "web ansible_host=127.0.0.1 ansible_port=2222 ansible_user=root ansible_ssh_private_key_file=" + s.key +
			" ansible_python_interpreter=/usr/bin/python3\n",
		"play.yml": `- hosts: web
  gather_facts: false
  tasks:
    - file: {path: /srv/ansible, state: directory}
    - copy: {dest: "/srv/ansible/file-{{ item }}", content: "{{ '0000' * 256 }}", mode: "0644"}
      loop: "{{ range(30) | list }}"
`,
		"deploy.py": `import io
from pyinfra.operations import files
files.directory(path="/srv/pyinfra")
for i in range(30):
    files.put(src=io.StringIO("0000" * 256), dest=f"/srv/pyinfra/file-{i}", mode="644")
`,
		"hosts.py": fmt.Sprintf("web = [(\"127.0.0.1\", {\"ssh_port\": 2222, \"ssh_user\": \"root\", \"ssh_key\": %q, "+
			"\"ssh_strict_host_key_checking\": \"no\"})]\n", s.key),
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ansible, pyinfra, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return ansible, pyinfra, err
		}
	}
	bin := filepath.Join(b.peers, "bin")
	ansible = command{name: "ansible", dir: dir, argv: []string{bin + "/ansible-playbook", "-i", "inventory.ini", "play.yml"}}
	pyinfra = command{name: "pyinfra", dir: dir, argv: []string{bin + "/pyinfra", "-y", "hosts.py", "deploy.py"}}
	return ansible, pyinfra, nil
}
