#ifndef CDURABLEFILE_H
#define CDURABLEFILE_H

#include <stdint.h>

/// Opens a file so that what is written to it is durable when the call returns, past the page cache
/// where the file system offers that: then memory, place and length are whole blocks of 4096 octets.
///
/// Returns its descriptor; -1 with the reason in errno.
int plumbline_open_durable(const char *path);

/// Lets what is written to such a file go through the page cache from now on.
///
/// Returns 0; -1 with the reason in errno, EALREADY where it goes there already.
int plumbline_stop_passing_cache(int descriptor);

/// Which file it is, and how long.
struct plumbline_file {
  uint64_t device;
  uint64_t number;
  uint64_t size;
};

/// Looks up a file by its path.
///
/// Returns 0; -1 with the reason in errno.
int plumbline_look_up_path(const char *path, struct plumbline_file *found);

/// Looks up an open file.
///
/// Returns 0; -1 with the reason in errno.
int plumbline_look_up_descriptor(int descriptor, struct plumbline_file *found);

#endif
