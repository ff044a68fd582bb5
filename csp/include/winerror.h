/*
 * winerror.h - the error codes that CryptoAPI functions leave for GetLastError.
 *
 * Codes of the system are small numbers; codes of cryptographic providers start with NTE_.
 */
#ifndef SOFTSHIELD_WINERROR_H
#define SOFTSHIELD_WINERROR_H

#include "windef.h"

#define NO_ERROR                        0U
#define ERROR_SUCCESS                   0U
#define ERROR_FILE_NOT_FOUND            2U
#define ERROR_PATH_NOT_FOUND            3U
#define ERROR_ACCESS_DENIED             5U
#define ERROR_INVALID_HANDLE            6U
#define ERROR_NOT_ENOUGH_MEMORY         8U
#define ERROR_INVALID_DATA              13U
#define ERROR_OUTOFMEMORY               14U
#define ERROR_NOT_READY                 21U
#define ERROR_NOT_SUPPORTED             50U
#define ERROR_INVALID_PARAMETER         87U
#define ERROR_CALL_NOT_IMPLEMENTED      120U
#define ERROR_INSUFFICIENT_BUFFER       122U
#define ERROR_BUSY                      170U
#define ERROR_MORE_DATA                 234U
#define ERROR_NO_MORE_ITEMS             259U
#define ERROR_CANCELLED                 1223U
#define ERROR_INTERNAL_ERROR            1359U

#define S_OK                            ((HRESULT)0)
#define S_FALSE                         ((HRESULT)1)
#define SUCCEEDED(result)               ((HRESULT)(result) >= 0)
#define FAILED(result)                  ((HRESULT)(result) < 0)

/* Windows gives these the type HRESULT; compared with GetLastError(), both convert alike. */
#define SOFTSHIELD_NTE(number)          ((HRESULT)(0x80090000U | (number)))

#define NTE_OP_OK                       0U
#define NTE_BAD_UID                     SOFTSHIELD_NTE(0x01U)
#define NTE_BAD_HASH                    SOFTSHIELD_NTE(0x02U)
#define NTE_BAD_KEY                     SOFTSHIELD_NTE(0x03U)
#define NTE_BAD_LEN                     SOFTSHIELD_NTE(0x04U)
#define NTE_BAD_DATA                    SOFTSHIELD_NTE(0x05U)
#define NTE_BAD_SIGNATURE               SOFTSHIELD_NTE(0x06U)
#define NTE_BAD_VER                     SOFTSHIELD_NTE(0x07U)
#define NTE_BAD_ALGID                   SOFTSHIELD_NTE(0x08U)
#define NTE_BAD_FLAGS                   SOFTSHIELD_NTE(0x09U)
#define NTE_BAD_TYPE                    SOFTSHIELD_NTE(0x0aU)
#define NTE_BAD_KEY_STATE               SOFTSHIELD_NTE(0x0bU)
#define NTE_BAD_HASH_STATE              SOFTSHIELD_NTE(0x0cU)
#define NTE_NO_KEY                      SOFTSHIELD_NTE(0x0dU)
#define NTE_NO_MEMORY                   SOFTSHIELD_NTE(0x0eU)
#define NTE_EXISTS                      SOFTSHIELD_NTE(0x0fU)
#define NTE_PERM                        SOFTSHIELD_NTE(0x10U)
#define NTE_NOT_FOUND                   SOFTSHIELD_NTE(0x11U)
#define NTE_DOUBLE_ENCRYPT              SOFTSHIELD_NTE(0x12U)
#define NTE_BAD_PROVIDER                SOFTSHIELD_NTE(0x13U)
#define NTE_BAD_PROV_TYPE               SOFTSHIELD_NTE(0x14U)
#define NTE_BAD_PUBLIC_KEY              SOFTSHIELD_NTE(0x15U)
#define NTE_BAD_KEYSET                  SOFTSHIELD_NTE(0x16U)
#define NTE_PROV_TYPE_NOT_DEF           SOFTSHIELD_NTE(0x17U)
#define NTE_PROV_TYPE_ENTRY_BAD         SOFTSHIELD_NTE(0x18U)
#define NTE_KEYSET_NOT_DEF              SOFTSHIELD_NTE(0x19U)
#define NTE_KEYSET_ENTRY_BAD            SOFTSHIELD_NTE(0x1aU)
#define NTE_PROV_TYPE_NO_MATCH          SOFTSHIELD_NTE(0x1bU)
#define NTE_SIGNATURE_FILE_BAD          SOFTSHIELD_NTE(0x1cU)
#define NTE_PROVIDER_DLL_FAIL           SOFTSHIELD_NTE(0x1dU)
#define NTE_PROV_DLL_NOT_FOUND          SOFTSHIELD_NTE(0x1eU)
#define NTE_BAD_KEYSET_PARAM            SOFTSHIELD_NTE(0x1fU)
#define NTE_FAIL                        SOFTSHIELD_NTE(0x20U)
#define NTE_SYS_ERR                     SOFTSHIELD_NTE(0x21U)
#define NTE_SILENT_CONTEXT              SOFTSHIELD_NTE(0x22U)
#define NTE_TOKEN_KEYSET_STORAGE_FULL   SOFTSHIELD_NTE(0x23U)
#define NTE_TEMPORARY_PROFILE           SOFTSHIELD_NTE(0x24U)
#define NTE_FIXEDPARAMETER              SOFTSHIELD_NTE(0x25U)
#define NTE_INVALID_HANDLE              SOFTSHIELD_NTE(0x26U)
#define NTE_INVALID_PARAMETER           SOFTSHIELD_NTE(0x27U)
#define NTE_BUFFER_TOO_SMALL            SOFTSHIELD_NTE(0x28U)
#define NTE_NOT_SUPPORTED               SOFTSHIELD_NTE(0x29U)
#define NTE_NO_MORE_ITEMS               SOFTSHIELD_NTE(0x2aU)
#define NTE_DEVICE_NOT_READY            SOFTSHIELD_NTE(0x30U)

#define SCARD_E_NO_SMARTCARD            ((HRESULT)0x8010000cU)
#define SCARD_W_REMOVED_CARD            ((HRESULT)0x80100069U)
#define SCARD_W_WRONG_CHV               ((HRESULT)0x8010006bU)
#define SCARD_W_CANCELLED_BY_USER       ((HRESULT)0x8010006eU)

#endif
