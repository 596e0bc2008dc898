// Buffers what libmilter reads and writes.
//
// libmilter asks poll() and calls read() twice for each command, once for its length and letter and
// once for the rest, and once more asks poll() whether there is another command at all. A message of
// 20 header fields takes 120 calls of the kernel so. The MTA, however, sends nearly all of a message
// in one piece, and replies to it are few: with a buffer six calls are enough. libmilter has no
// setting for this.
//
// libmilter.so calls its own mi_engine() and mi_rd_cmd(), and libc's poll(), read() and writev(),
// through its procedure linkage table, and ELF symbol lookup searches the executable before any
// shared library: the definitions below, linked into the executable, are the ones that are called.
// The linker exports them without being asked because shared libraries that it links use and define
// them. plumbline_owns_milter_stream() asks the dynamic linker at run time whether all this came
// true; if not, nothing is buffered, and nothing but the speed differs.
//
// The rest of the process calls poll(), read() and writev() through here as well. Its calls go
// through untouched: only while libmilter works on a connection (inside mi_engine()), only in the
// thread that does so and only for the descriptor of that connection is anything else done.
//
// libmilter with a pool of workers, as Debian builds it, serves a connection in mi_engine() until
// poll() says that no command is there; then a controller thread waits for the next one. So a buffer
// need not live longer than one call of mi_engine(): as long as there is something in it, poll() says
// that there is a command, and it is used up. This needs poll() to be asked between commands, which
// is seen before anything is buffered. libmilter built without the pool asks nobody between commands
// and stays in mi_engine() to the end of the connection, where nothing can be left behind either.
//
// What a callback writes (edits and the reply, in their order) goes out in one piece when libmilter
// asks for the next command. smfi_progress() would be held back by this; it is not used.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "CMilterStream.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

// Octets. A message's header and envelope fit; of a larger body the pieces go past the buffer.
enum { INPUT_SIZE = 16 * 1024, OUTPUT_SIZE = 8 * 1024 };

// Milliseconds. libmilter keeps a connection on its thread for one millisecond after a command, then
// two more threads have to be woken for the next one. A busy MTA needs somewhat longer.
enum { LINGER = 5 };

// Waits. A connection that always has its next command in time must not keep its thread for ever:
// libmilter can leave another one to wait until any thread is free. Two waits are a message.
enum { MOST_WAITS = 8 };

/// A connection that libmilter works on.
struct stream {
  /// -1 until libmilter has asked for it.
  int descriptor;
  /// Whether poll() was asked between commands.
  bool is_watched;
  /// Whether libmilter is reading a command.
  bool is_in_command;
  /// Whether there is something to read since poll() was last asked.
  bool is_readable;
  /// Whether sending failed; then nothing more is sent.
  bool is_broken;
  /// How often it was waited for a command.
  int waits;
  /// How long libmilter would wait to be able to write, in milliseconds.
  int write_timeout;
  /// What of `input` was not taken yet.
  size_t input_begin, input_end;
  /// How much of `output` is to be sent.
  size_t output_end;
  unsigned char input[INPUT_SIZE];
  unsigned char output[OUTPUT_SIZE];
};

/// The connection that this thread works on; NULL for all threads that are not libmilter's workers.
static _Thread_local struct stream *current;

// MARK: The functions behind these

struct functions {
  int (*mi_engine)(void *);
  char *(*mi_rd_cmd)(int, struct timeval *, char *, size_t *, char *);
  int (*poll)(struct pollfd *, nfds_t, int);
  ssize_t (*read)(int, void *, size_t);
  ssize_t (*writev)(int, const struct iovec *, int);
};

static struct functions originals;
static pthread_once_t originals_once = PTHREAD_ONCE_INIT;
static bool is_enabled;

static void find_originals(void) {
  *(void **)&originals.mi_engine = dlsym(RTLD_NEXT, "mi_engine");
  *(void **)&originals.mi_rd_cmd = dlsym(RTLD_NEXT, "mi_rd_cmd");
  *(void **)&originals.poll = dlsym(RTLD_NEXT, "poll");
  *(void **)&originals.read = dlsym(RTLD_NEXT, "read");
  *(void **)&originals.writev = dlsym(RTLD_NEXT, "writev");
}

// At the start of the process, since a signal handler, or a child after fork(), may call read().
__attribute__((constructor)) static const struct functions *original(void) {
  pthread_once(&originals_once, find_originals);
  return &originals;
}

static int original_poll(struct pollfd *descriptors, nfds_t count, int timeout) {
  return original()->poll(descriptors, count, timeout);
}

// MARK: Output

/// Ends a connection to which something could not be sent: going on would have the MTA take a later
/// reply for this one. libmilter sees that it has ended.
static void give_up(struct stream *stream) {
  stream->is_broken = true;
  stream->input_begin = stream->input_end = 0;
  shutdown(stream->descriptor, SHUT_RDWR);
}

/// Sends what is to be sent.
static void flush(struct stream *stream) {
  const unsigned char *next = stream->output;
  size_t left = stream->output_end;
  stream->output_end = 0;
  while (left > 0) {
    const ssize_t count = send(stream->descriptor, next, left, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      next += count;
      left -= (size_t)count;
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count == 0 || errno != EAGAIN) return give_up(stream);
    // The MTA does not read. libmilter would wait as long.
    struct pollfd writable = {.fd = stream->descriptor, .events = POLLOUT};
    const int ready = original_poll(&writable, 1, stream->write_timeout);
    if (ready == 0 || (ready < 0 && errno != EINTR)) return give_up(stream);
  }
}

/// Takes pieces for sending: their octets; -1 when they are too large for the buffer.
static ssize_t append(struct stream *stream, const struct iovec *pieces, int count) {
  size_t total = 0;
  for (int index = 0; index < count; index += 1) {
    if (pieces[index].iov_len > OUTPUT_SIZE - total) return -1;
    total += pieces[index].iov_len;
  }
  if (total > OUTPUT_SIZE - stream->output_end) flush(stream);
  for (int index = 0; index < count; index += 1) {
    if (pieces[index].iov_len == 0) continue;
    memcpy(stream->output + stream->output_end, pieces[index].iov_base, pieces[index].iov_len);
    stream->output_end += pieces[index].iov_len;
  }
  return (ssize_t)total;
}

// MARK: libmilter's functions

int mi_engine(void *context) {
  if (!is_enabled) return original()->mi_engine(context);
  struct stream stream;
  stream.descriptor = -1;
  stream.is_watched = false;
  stream.is_in_command = false;
  stream.is_readable = false;
  stream.is_broken = false;
  stream.waits = 0;
  stream.write_timeout = -1;
  stream.input_begin = stream.input_end = stream.output_end = 0;
  current = &stream;
  const int result = original()->mi_engine(context);
  flush(&stream);
  current = NULL;
  return result;
}

char *mi_rd_cmd(int descriptor, struct timeval *timeout, char *command, size_t *length, char *name) {
  struct stream *stream = current;
  if (stream == NULL) {
    return original()->mi_rd_cmd(descriptor, timeout, command, length, name);
  }
  if (descriptor != stream->descriptor) {
    flush(stream);
    stream->input_begin = stream->input_end = 0;
    stream->descriptor = descriptor;
    stream->is_watched = false;
  }
  stream->is_in_command = true;
  char *result = original()->mi_rd_cmd(descriptor, timeout, command, length, name);
  stream->is_in_command = false;
  stream->is_readable = false;
  // An MTA that does not wait for replies gets each before the next command is worked on, too.
  if (stream->output_end > 0) flush(stream);
  return result;
}

// MARK: libc's functions

int poll(struct pollfd *descriptors, nfds_t count, int timeout) {
  struct stream *stream = current;
  if (stream == NULL || count != 1) return original_poll(descriptors, count, timeout);
  // The first thing that mi_engine() does is to ask for its connection, for one millisecond.
  if (stream->descriptor < 0 && descriptors->events == POLLIN && timeout == 1) {
    stream->descriptor = descriptors->fd;
  }
  if (descriptors->fd != stream->descriptor) return original_poll(descriptors, count, timeout);

  if (descriptors->events & POLLOUT) {
    stream->write_timeout = timeout;
    if (!stream->is_watched) return original_poll(descriptors, count, timeout);
    descriptors->revents = POLLOUT;
    return 1;
  }
  if (stream->input_begin < stream->input_end || stream->is_readable) {
    descriptors->revents = descriptors->events & POLLIN;
    return 1;
  }
  flush(stream);
  if (!stream->is_in_command) {
    stream->is_watched = true;
    if (timeout >= 0 && timeout < LINGER) {
      if (stream->waits == MOST_WAITS) {
        descriptors->revents = 0;
        return 0;
      }
      stream->waits += 1;
      timeout = LINGER;
    }
  }
  const int ready = original_poll(descriptors, count, timeout);
  stream->is_readable = ready == 1 && descriptors->revents == POLLIN;
  return ready;
}

ssize_t read(int descriptor, void *octets, size_t count) {
  struct stream *stream = current;
  if (stream == NULL || descriptor != stream->descriptor || !stream->is_in_command ||
      !stream->is_watched) {
    if (stream != NULL && descriptor == stream->descriptor) stream->is_readable = false;
    return original()->read(descriptor, octets, count);
  }
  stream->is_readable = false;
  if (stream->input_begin == stream->input_end) {
    if (count >= INPUT_SIZE) return original()->read(descriptor, octets, count);
    const ssize_t received = original()->read(descriptor, stream->input, INPUT_SIZE);
    if (received <= 0) return received;
    stream->input_begin = 0;
    stream->input_end = (size_t)received;
  }
  const size_t available = stream->input_end - stream->input_begin;
  const size_t taken = count < available ? count : available;
  memcpy(octets, stream->input + stream->input_begin, taken);
  stream->input_begin += taken;
  return (ssize_t)taken;
}

ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
  struct stream *stream = current;
  if (stream == NULL || descriptor != stream->descriptor || !stream->is_watched || count < 0) {
    return original()->writev(descriptor, pieces, count);
  }
  if (!stream->is_broken) {
    const ssize_t taken = append(stream, pieces, count);
    if (taken >= 0 && !stream->is_broken) return taken;
  }
  if (!stream->is_broken) {
    flush(stream);
    struct pollfd writable = {.fd = descriptor, .events = POLLOUT};
    if (original_poll(&writable, 1, stream->write_timeout) != 0 && !stream->is_broken) {
      return original()->writev(descriptor, pieces, count);
    }
    give_up(stream);
  }
  // Not EAGAIN, upon which libmilter tries again.
  errno = EPIPE;
  return -1;
}

// What a libmilter calls that was compiled with more checks than Debian's.

void __chk_fail(void) __attribute__((noreturn));

int __poll_chk(struct pollfd *descriptors, nfds_t count, int timeout, size_t size) {
  if (size / sizeof *descriptors < count) __chk_fail();
  return poll(descriptors, count, timeout);
}

ssize_t __read_chk(int descriptor, void *octets, size_t count, size_t size) {
  if (size < count) __chk_fail();
  return read(descriptor, octets, count);
}

// MARK: Settings

int plumbline_owns_milter_stream(void) {
  const struct functions *next = original();
  return next->mi_engine != NULL && next->mi_rd_cmd != NULL && next->poll != NULL &&
         next->read != NULL && next->writev != NULL &&
         dlsym(RTLD_DEFAULT, "mi_engine") == (void *)&mi_engine &&
         dlsym(RTLD_DEFAULT, "mi_rd_cmd") == (void *)&mi_rd_cmd &&
         dlsym(RTLD_DEFAULT, "poll") == (void *)&poll &&
         dlsym(RTLD_DEFAULT, "read") == (void *)&read &&
         dlsym(RTLD_DEFAULT, "writev") == (void *)&writev;
}

void plumbline_milter_stream_enable(int wanted) {
  is_enabled = wanted != 0 && plumbline_owns_milter_stream();
}
