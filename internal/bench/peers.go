package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// installPeers makes a Python environment in the user's cache with the tools
// that are measured beside the program, once, and returns its bin directory.
func installPeers(ctx context.Context) (bin string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "torrust-tracker-deployer", "bench", "venv")
	bin = filepath.Join(dir, "bin")
	done := filepath.Join(dir, "installed") // only after everything went well
	if _, err := os.Stat(done); err == nil {
		return bin, nil
	}
	fmt.Println("installing Ansible and pyinfra into", dir)
	for _, argv := range [][]string{
		{"python3", "-m", "venv", "--clear", "--without-pip", dir},
		{"pip3", "--python", filepath.Join(bin, "python"), "install", "--quiet", "--disable-pip-version-check", "ansible-core", "pyinfra"},
	} {
		if err := visible(ctx, argv[0], argv[1:]...).Run(); err != nil {
			return "", fmt.Errorf("install the tools to compare with: %s: %w", argv[0], err)
		}
	}
	return bin, os.WriteFile(done, nil, 0o600)
}

// peerCommands writes the same 30 files in the words of the peers. Ansible is
// given what makes it quick: pipelining, a connection that persists, no facts.
func (b *bench) peerCommands() (ansible, pyinfra command, err error) {
	files := map[string]string{
		"ansible.cfg": `[defaults]
host_key_checking = False
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=` + b.knownHosts() + `
`,
		"inventory.ini": fmt.Sprintf("web ansible_host=127.0.0.1 ansible_port=%s ansible_user=root "+
			"ansible_ssh_private_key_file=%s ansible_python_interpreter=/usr/bin/python3\n", port, b.key),
		"play.yml": `- hosts: web
  gather_facts: false
  tasks:
    - file: {path: /srv/ansible, state: directory}
    - copy: {dest: "/srv/ansible/file-{{ item }}", content: "{{ '1000' * 256 }}", mode: "0644"}
      loop: "{{ range(30) | list }}"
`,
		"deploy.py": `import io
from pyinfra.operations import files
files.directory(path="/srv/pyinfra")
for i in range(30):
    files.put(src=io.StringIO("1000" * 256), dest=f"/srv/pyinfra/file-{i}", mode="644")
`,
		"hosts.py": fmt.Sprintf(`web = [("127.0.0.1", {"ssh_port": %s, "ssh_user": "root", "ssh_key": %q,
    "ssh_known_hosts_file": %q, "ssh_strict_host_key_checking": "accept-new"})]
`, port, b.key, b.knownHosts()),
	}
	dir := filepath.Join(b.work, "peers")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return ansible, pyinfra, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return ansible, pyinfra, err
		}
	}
	ansible = command{dir: dir, argv: []string{filepath.Join(b.peers, "ansible-playbook"), "-i", "inventory.ini", "play.yml"}}
	pyinfra = command{dir: dir, argv: []string{filepath.Join(b.peers, "pyinfra"), "-y", "hosts.py", "deploy.py"}}
	return ansible, pyinfra, nil
}
