/*
 * windows.h - what a program for CryptoAPI takes from it, on Linux: basic types, error codes and
 * the last error of a thread. As on Windows, it brings wincrypt.h along unless told not to.
 */
#ifndef SOFTSHIELD_WINDOWS_H
#define SOFTSHIELD_WINDOWS_H

#include "windef.h"
#include "winerror.h"

/* The code of the calling thread's last failure, and its setter. */
WINBASEAPI DWORD WINAPI GetLastError(void);
WINBASEAPI void WINAPI SetLastError(DWORD dwErrCode);

#define ZeroMemory(destination, length) __builtin_memset((destination), 0, (length))
#define CopyMemory(destination, source, length) __builtin_memcpy((destination), (source), (length))

#if !defined(NOCRYPT) && !defined(WIN32_LEAN_AND_MEAN)
#include "wincrypt.h"
#endif

#endif
