// What Swift cannot call by itself: glibc declares it to GNU programs only.
//
// Past the page cache, a block is durable after one request to the disk and one to empty the disk's
// own cache, and nothing else that waits in the page cache goes with it.
//
// Files are looked up without their times. Who asks for these makes Linux 6.13 and later give the
// next change of the file a time of its own, so that the time has to be written with each change; who
// does not shares one time with all changes of some milliseconds.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "CDurableFile.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

int plumbline_open_durable(const char *path) {
  const int flags = O_WRONLY | O_DSYNC | O_CLOEXEC;
  const int descriptor = open(path, flags | O_DIRECT);
  // What a file system says that has nothing but the page cache.
  return descriptor < 0 && errno == EINVAL ? open(path, flags) : descriptor;
}

int plumbline_stop_passing_cache(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  if (flags < 0) return -1;
  if ((flags & O_DIRECT) == 0) {
    errno = EALREADY;
    return -1;
  }
  return fcntl(descriptor, F_SETFL, flags & ~O_DIRECT);
}

static int look_up(int descriptor, const char *path, int flags, struct plumbline_file *found) {
  struct statx status;
  if (statx(descriptor, path, flags, STATX_INO | STATX_SIZE, &status) != 0) return -1;
  found->device = (uint64_t)status.stx_dev_major << 32 | status.stx_dev_minor;
  found->number = status.stx_ino;
  found->size = status.stx_size;
  return 0;
}

int plumbline_look_up_path(const char *path, struct plumbline_file *found) {
  return look_up(AT_FDCWD, path, 0, found);
}

int plumbline_look_up_descriptor(int descriptor, struct plumbline_file *found) {
  return look_up(descriptor, "", AT_EMPTY_PATH, found);
}
