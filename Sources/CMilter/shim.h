#ifndef CMILTER_SHIM_H
#define CMILTER_SHIM_H

#include <sys/types.h>
#include <libmilter/mfapi.h>

#endif
