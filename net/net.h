/* net.h -- bytes on the wire: loops, streams, and HTTP/1.1 on both sides. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_NET_H
#define NET_NET_H

/*
 * net/ knows nothing of models or policies. From the ground up: a loop turns
 * and keeps deadlines; a stream moves bytes, plain or TLS; http1 and sse are
 * pure readers and writers; a server makes exchanges out of accepted streams,
 * and a client makes calls over streams that it keeps. libevent's and
 * OpenSSL's types do not leave this folder.
 */
#include "net/client.h"
#include "net/digest.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/server.h"
#include "net/sse.h"
#include "net/stream.h"
#include "net/tls.h"

#endif
