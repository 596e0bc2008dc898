#ifndef CXML2_SHIM_H
#define CXML2_SHIM_H

// Debian's libxml2 uses ICU, whose types clash with those of the ICU inside Foundation. They occur
// in the tail of one structure that is only ever handled by pointer, so they are left out.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED

#include <libxml/parser.h>
#include <libxml/xmlreader.h>
#include <libxml/xmlschemas.h>
#include <libxml/xmlwriter.h>

#endif
