package stored

import "testing"

func TestWhatIsEncodedCanBeDecoded(t *testing.T) {
	data, err := Encode(map[string]any{"name": "a", "version": 2})
	if err != nil {
		t.Fatal(err)
	}
	var release struct {
		Name    string
		Version int
	}
	if err := Decode(data, &release); err != nil || release.Name != "a" || release.Version != 2 {
		t.Errorf("got %+v, %v", release, err)
	}
}

func TestWhatIsNoReleaseIsAnError(t *testing.T) {
	if err := Decode([]byte("!"), &struct{}{}); err == nil {
		t.Error("it was decoded")
	}
}
