// File descriptors: each connection needs one, and a process that has none left can accept nobody.
#pragma once

namespace pass {

// Raises the process's soft limit to its hard one, up to a million; returns what holds then.
int RaiseDescriptorLimit();

// Connections must leave some of the limit to log, files, metrics and threads: theirs are below this number.
int DescriptorsForConnections();

// The number that the next descriptor would get: the system gives the lowest that is free, so that all below
// are in use. The largest int: none is free.
int NextDescriptor();

}  // namespace pass
