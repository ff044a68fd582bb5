/*
 * windef.h - the basic types of Windows programs, as far as CryptoAPI uses them, for Linux.
 *
 * Widths are Windows' on every platform: DWORD, BOOL and LONG have 32 bits, WCHAR has 16. A
 * pointer-sized number is a ULONG_PTR.
 *
 * Wide string literals: L"..." has 32-bit characters on Linux unless the program is compiled with
 * -fshort-wchar. TEXT("...") and u"..." are right either way.
 */
#ifndef SOFTSHIELD_WINDEF_H
#define SOFTSHIELD_WINDEF_H

#include <stddef.h>
#include <stdint.h>

/* Calling conventions: Linux has one. */
#define WINAPI
#define WINAPIV
#define CALLBACK
#define APIENTRY WINAPI
#define PASCAL WINAPI
#define FAR
#define NEAR
#ifndef CONST
#define CONST const
#endif
#define VOID void

/* Annotations of parameters, which say something to a reader only. */
#define IN
#define OUT
#define OPTIONAL

#if defined(__cplusplus)
#define WINADVAPI extern "C"
#define WINBASEAPI extern "C"
#else
#define WINADVAPI extern
#define WINBASEAPI extern
#endif

#ifndef FALSE
#define FALSE 0
#endif
#ifndef TRUE
#define TRUE 1
#endif

#define MAX_PATH 260

typedef int32_t BOOL, *PBOOL, *LPBOOL;
typedef uint8_t BYTE, *PBYTE, *LPBYTE;
typedef uint8_t BOOLEAN, *PBOOLEAN;
typedef uint8_t UCHAR, *PUCHAR;
typedef char CHAR, *PCHAR, *LPSTR, *PSTR;
typedef const char *LPCSTR, *PCSTR;
typedef int16_t SHORT, *PSHORT;
typedef uint16_t USHORT, *PUSHORT;
typedef uint16_t WORD, *PWORD, *LPWORD;
typedef int32_t INT, *PINT, *LPINT;
typedef uint32_t UINT, *PUINT;
typedef int32_t LONG, *PLONG, *LPLONG;
typedef uint32_t ULONG, *PULONG;
typedef uint32_t DWORD, *PDWORD, *LPDWORD;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG, DWORDLONG;
typedef int64_t INT64;
typedef uint64_t UINT64;
typedef intptr_t INT_PTR, LONG_PTR;
typedef uintptr_t UINT_PTR, ULONG_PTR, *PULONG_PTR, DWORD_PTR, *PDWORD_PTR;
typedef size_t SIZE_T;
typedef void *PVOID, *LPVOID;
typedef const void *LPCVOID;
typedef int32_t HRESULT;

#if defined(__cplusplus)
#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#else
typedef char16_t WCHAR;
#endif
#else
typedef uint16_t WCHAR;
#endif
typedef WCHAR *PWCHAR, *LPWSTR, *PWSTR;
typedef const WCHAR *LPCWSTR, *PCWSTR;

/* A literal of WCHAR, for the names below and for TEXT. */
#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
#define SOFTSHIELD_WIDE(literal) L##literal
#else
#define SOFTSHIELD_WIDE(literal) u##literal
#endif

#if defined(UNICODE)
typedef WCHAR TCHAR;
typedef LPWSTR LPTSTR;
typedef LPCWSTR LPCTSTR;
#define SOFTSHIELD_TEXT(literal) SOFTSHIELD_WIDE(literal)
#else
typedef CHAR TCHAR;
typedef LPSTR LPTSTR;
typedef LPCSTR LPCTSTR;
#define SOFTSHIELD_TEXT(literal) literal
#endif
#define TEXT(literal) SOFTSHIELD_TEXT(literal)

typedef PVOID HANDLE;
typedef struct HWND__ *HWND;
typedef INT_PTR(WINAPI *FARPROC)(void);

typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

#define LOBYTE(word) ((BYTE)((DWORD_PTR)(word) & 0xff))
#define HIBYTE(word) ((BYTE)(((DWORD_PTR)(word) >> 8) & 0xff))
#define LOWORD(dword) ((WORD)((DWORD_PTR)(dword) & 0xffff))
#define HIWORD(dword) ((WORD)(((DWORD_PTR)(dword) >> 16) & 0xffff))

#endif
