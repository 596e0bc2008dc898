// Takes SIGHUP, SIGTERM and SIGINT away from libmilter.
//
// smfi_main() starts a thread that calls sigwait() for these three and stops the filter on each of
// them, SIGHUP included, while messages are in flight. A second waiter in our own code would not
// help: POSIX leaves open which of several waiting threads gets a signal, and Linux indeed gives it
// to either. Handlers would not help: a thread inside sigwait() competes with them.
//
// So libmilter's thread must never wait. libmilter.so calls sigwait() through its procedure linkage
// table, and ELF symbol lookup searches the executable before any shared library: the definition
// below, linked into the executable, is the one that is called. It parks that thread for good, with
// every signal blocked, so that no signal is ever delivered to it. The linker exports the symbol
// without being asked because shared libraries that it links, libmilter.so and libc.so, use and
// define it; this holds as well with a statically linked Swift runtime and with --gc-sections.
// plumbline_owns_sigwait() asks the dynamic linker at run time whether all this came true.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "CMilterSignals.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

int sigwait(const sigset_t *restrict set, int *restrict signal_number) {
  if (sigismember(set, SIGHUP) == 1 && sigismember(set, SIGTERM) == 1 &&
      sigismember(set, SIGINT) == 1) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (;;) pause();
  }

  // Anybody else gets what sigwait() promises: unlike sigwaitinfo() it never reports EINTR.
  int received;
  do {
    received = sigwaitinfo(set, NULL);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  *signal_number = received;
  return 0;
}

int plumbline_owns_sigwait(void) {
  return dlsym(RTLD_DEFAULT, "sigwait") == (void *)&sigwait;
}
