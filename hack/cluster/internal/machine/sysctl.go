package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The kubelet sets these for the whole machine.
var kubeletSettings = []string{
	"kernel/keys/root_maxbytes", "kernel/keys/root_maxkeys", "kernel/panic", "kernel/panic_on_oops",
	"vm/overcommit_memory", "vm/panic_on_oom",
}

const settingsDir = "/proc/sys"

// SaveSettings keeps, in a file, what the kubelet is going to change.
func SaveSettings(file string) error {
	settings := map[string]string{}
	for _, key := range kubeletSettings {
		value, err := os.ReadFile(filepath.Join(settingsDir, key))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without it
		}
		if err != nil {
			return fmt.Errorf("read the kernel setting %s: %w", key, err)
		}
		settings[key] = string(value)
	}
	data, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode the kernel settings: %w", err)
	}
	return os.WriteFile(file, data, 0o644)
}

// RestoreSettings sets what SaveSettings has kept; without the file, nothing.
func RestoreSettings(file string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the kept kernel settings: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(data, &settings); err != nil {
		return fmt.Errorf("decode the kept kernel settings: %w", err)
	}
	for key, value := range settings {
		path := filepath.Join(settingsDir, key)
		if now, err := os.ReadFile(path); err == nil && string(now) == value {
			continue
		}
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("restore the kernel setting %s: %w", key, err)
		}
	}
	return nil
}
