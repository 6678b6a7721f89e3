// Reads CUE instances, each as a JSON text on a line of its own: {"files": [{"name": …, "text": …}]}.
// It says how CUE's own library exports each: its JSON, or null and the error.
package main

import (
	"bufio"
	"encoding/json"
	"os"
	"runtime/debug"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
)

type file struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type question struct {
	Files []file `json:"files"`
}

type answer struct {
	JSON  json.RawMessage `json:"json"`
	Error string          `json:"error"`
}

func export(asked question) ([]byte, error) {
	instance := build.NewContext().NewInstance("", nil)
	for _, each := range asked.Files {
		if err := instance.AddFile(each.Name, each.Text); err != nil {
			return nil, err
		}
	}
	if err := instance.Complete(); err != nil {
		return nil, err
	}
	value := cuecontext.New().BuildInstance(instance)
	if err := value.Validate(cue.Concrete(true), cue.Final()); err != nil {
		return nil, err
	}
	return value.MarshalJSON()
}

func read(asked question) answer {
	made, err := export(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{JSON: made}
}

func main() {
	debug.SetMaxStack(64 << 20) // a document on which CUE's evaluator goes round in circles ends this program
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16*1024*1024)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		if err := out.Encode(read(asked)); err != nil {
			panic(err)
		}
	}
}
