// Capture and replay: what a function does to a device is recorded once, and done again without the function.
//
// A recorded function allocates and computes on the device alone: it waits for nothing, uploads nothing and takes no branch on
// a value of the device. What it reads and leaves lies where it lay when it was recorded. Thread: the engine's.
#pragma once

#include <functional>
#include <memory>

namespace pass {

class Graph {
 public:
  virtual ~Graph() = default;
  virtual void Replay() = 0;
};

class GraphRecorder {
 public:
  virtual ~GraphRecorder() = default;
  // `work` has run before, so that nothing in it happens for the first time. It is called at most once now and may be called
  // again by Replay; what it reads must live as long as the graph. c10::Error: it cannot be recorded.
  virtual std::unique_ptr<Graph> Record(std::function<void()> work) = 0;
};

}  // namespace pass
