package lab

import (
	"encoding/binary"
	"fmt"
	"os"
)

// A disk is laid out as the BIOS and GRUB expect it since the 1990s: the boot
// record with a partition table in sector 0, GRUB's core image in the gap
// behind it, one partition from 1 MiB to the end. No loop device and no
// partitioning program is needed to make one.
const (
	sectorSize      = 512
	partitionStart  = 1 << 20 // bytes; the gap before it holds the boot loader
	bootCodeSize    = 440     // of the boot record; then the disk's signature and the table
	partitionTable  = 446
	partitionLinux  = 0x83
	partitionActive = 0x80
)

// newDisk creates a sparse disk of size bytes (a multiple of 1 MiB, at most
// 2 TiB) at path that boots core through boot, the i386-pc images of GRUB.
// The partition is left empty.
func newDisk(path string, size int64, boot, core []byte) (err error) {
	if len(boot) < bootCodeSize || len(boot) > sectorSize {
		return fmt.Errorf("boot sector of %d bytes", len(boot))
	}
	if len(core) > partitionStart-sectorSize {
		return fmt.Errorf("boot loader of %d bytes does not fit before the partition", len(core))
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if err := f.Truncate(size); err != nil {
		return err
	}
	if _, err := f.WriteAt(bootRecord(boot, size), 0); err != nil {
		return err
	}
	_, err = f.WriteAt(core, sectorSize)
	return err
}

// bootRecord returns sector 0 of a disk of size bytes.
func bootRecord(boot []byte, size int64) []byte {
	sector := make([]byte, sectorSize)
	copy(sector, boot[:bootCodeSize])
	entry := sector[partitionTable:]
	entry[0] = partitionActive
	// Cylinders, heads and sectors are out of range, so that the next two count.
	copy(entry[1:], []byte{0xfe, 0xff, 0xff, partitionLinux, 0xfe, 0xff, 0xff})
	binary.LittleEndian.PutUint32(entry[8:], partitionStart/sectorSize)
	binary.LittleEndian.PutUint32(entry[12:], uint32((size-partitionStart)/sectorSize))
	sector[510], sector[511] = 0x55, 0xaa
	return sector
}
