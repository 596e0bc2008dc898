#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

// The type check is made for options known at compile time.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

// curl_easy_setopt is variadic, which Swift cannot call: one function for each type of value.

static inline CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode ccurl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode ccurl_set_text(CURL *handle, CURLoption option, const char *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return curl_easy_setopt(handle, option, value);
}

static inline CURLcode ccurl_set_read(CURL *handle, curl_read_callback function) {
  return curl_easy_setopt(handle, CURLOPT_READFUNCTION, function);
}

static inline CURLcode ccurl_set_debug(CURL *handle, curl_debug_callback function) {
  return curl_easy_setopt(handle, CURLOPT_DEBUGFUNCTION, function);
}

#endif
