#ifndef CMILTERSIGNALS_H
#define CMILTERSIGNALS_H

/// 1 when every call of `sigwait` in this process, libmilter's included, reaches the definition in
/// this module; 0 when another one comes first in symbol lookup.
int plumbline_owns_sigwait(void);

#endif
