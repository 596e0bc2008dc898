#ifndef CMILTERSTREAM_H
#define CMILTERSTREAM_H

/// Whether connections that libmilter serves from now on are buffered (1) or not (0); 0 at first.
void plumbline_milter_stream_enable(int is_enabled);

/// 1 when libmilter's calls of the functions that this module defines reach it; 0 when not all do,
/// and then nothing is buffered.
int plumbline_owns_milter_stream(void);

#endif
