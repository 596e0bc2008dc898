#ifndef COPENDKIM_SHIM_H
#define COPENDKIM_SHIM_H

#include <sys/types.h>
#include <opendkim/dkim.h>

#endif
