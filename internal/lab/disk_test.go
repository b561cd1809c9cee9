package lab

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDiskLayout(t *testing.T) {
	boot := bytes.Repeat([]byte{0xb0}, sectorSize)
	core := bytes.Repeat([]byte{0xc0}, 3*sectorSize+17)
	path := filepath.Join(t.TempDir(), "disk")
	const size = 64 << 20
	if err := newDisk(path, size, boot, core); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() != size {
		t.Errorf("size %v, %v", info.Size(), err)
	}
	start := make([]byte, partitionStart+sectorSize)
	if _, err := io.ReadFull(f, start); err != nil {
		t.Fatal(err)
	}
	record := start[:sectorSize]
	if !bytes.Equal(record[:bootCodeSize], boot[:bootCodeSize]) {
		t.Error("boot code is not at the start")
	}
	if record[510] != 0x55 || record[511] != 0xaa {
		t.Errorf("signature % x", record[510:])
	}
	entry := record[446:462]
	first, count := binary.LittleEndian.Uint32(entry[8:]), binary.LittleEndian.Uint32(entry[12:])
	if entry[0] != 0x80 || entry[4] != 0x83 || first != 2048 || int64(first+count)*sectorSize != size {
		t.Errorf("partition % x: from %d, %d sectors", entry, first, count)
	}
	if rest := record[462:510]; !bytes.Equal(rest, make([]byte, 48)) {
		t.Errorf("other partitions: % x", rest)
	}
	if !bytes.Equal(start[sectorSize:sectorSize+len(core)], core) {
		t.Error("the boot loader is not in the second sector")
	}
	if gap := start[sectorSize+len(core):]; !bytes.Equal(gap, make([]byte, len(gap))) {
		t.Error("something is between the boot loader and the file system")
	}
}

func TestDiskRefusesWhatDoesNotFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	err := newDisk(path, 64<<20, make([]byte, sectorSize), make([]byte, partitionStart-sectorSize+1))
	if err == nil || !strings.Contains(err.Error(), "does not fit before the partition") {
		t.Errorf("error %v", err)
	}
	if err := newDisk(path, 64<<20, make([]byte, 10), nil); err == nil {
		t.Error("a boot sector of ten bytes was taken")
	}
}
