/*
 * Signs from sixteen threads with the signature key of one container until its input ends.
 *
 *     threads PROVIDER CONTAINER
 *
 * Half of the threads share one context, the others have a context each. Every answer is a line:
 *
 *     public HEX                        once, before the first signature
 *     signed THREAD ROUND HEX           the signature of SHA-256 over the text "THREAD ROUND"
 *     failed THREAD ROUND FUNCTION 0xCODE   a call that answered FALSE; the thread goes on
 *
 * A line of input is answered by a line "heard LINE" once every thread has finished the round that
 * it was in: what was asked before is told before.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>
#include <wincrypt.h>

#define THREADS 16
#define KEY_BITS 1024
#define SIGNATURE_MAX 512

struct signer {
    pthread_t thread;
    HCRYPTPROV prov;
    int number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int done;
/* Rounds finished, by thread; both under the lock. */
static unsigned long rounds[THREADS];

static void fail(const char *what)
{
    fprintf(stderr, "%s failed with 0x%08lx\n", what, (unsigned long)GetLastError());
    exit(1);
}

static void print_hex(const char *name, const BYTE *data, DWORD length)
{
    char text[2 * SIGNATURE_MAX + 1];
    DWORD i;
    if (length > SIGNATURE_MAX)
        fail("print_hex");
    for (i = 0; i < length; i++)
        sprintf(text + 2 * i, "%02x", data[i]);
    printf("%s %s\n", name, text);
}

/* One signature as an application makes it. The name of the function that failed, or NULL. */
static const char *sign(HCRYPTPROV prov, const char *text, BYTE *signature, DWORD *length)
{
    HCRYPTHASH hash = 0;
    const char *failed = NULL;
    if (!CryptCreateHash(prov, CALG_SHA_256, 0, 0, &hash))
        return "CryptCreateHash";
    if (!CryptHashData(hash, (const BYTE *)text, (DWORD)strlen(text), 0))
        failed = "CryptHashData";
    else if (!CryptSignHash(hash, AT_SIGNATURE, NULL, 0, signature, length))
        failed = "CryptSignHash";
    if (failed != NULL) {
        DWORD code = GetLastError();
        CryptDestroyHash(hash);
        SetLastError(code);
        return failed;
    }
    return CryptDestroyHash(hash) ? NULL : "CryptDestroyHash";
}

static void *run(void *argument)
{
    struct signer *signer = argument;
    unsigned long round;
    for (round = 0;; round++) {
        BYTE signature[SIGNATURE_MAX];
        DWORD length = sizeof signature;
        char text[64], name[80];
        const char *failed;
        int end;

        snprintf(text, sizeof text, "%d %lu", signer->number, round);
        failed = sign(signer->prov, text, signature, &length);
        pthread_mutex_lock(&lock);
        if (failed == NULL) {
            snprintf(name, sizeof name, "signed %s", text);
            print_hex(name, signature, length);
        } else {
            printf("failed %s %s 0x%08lx\n", text, failed, (unsigned long)GetLastError());
        }
        fflush(stdout);
        rounds[signer->number]++;
        pthread_cond_broadcast(&changed);
        end = done;
        pthread_mutex_unlock(&lock);
        if (end)
            return NULL;
    }
}

/* Waits until every thread has begun and finished a round. */
static void wait_a_round(void)
{
    unsigned long wanted[THREADS];
    int i;
    for (i = 0; i < THREADS; i++)
        wanted[i] = rounds[i] + 2;
    for (i = 0; i < THREADS; i++)
        while (rounds[i] < wanted[i])
            pthread_cond_wait(&changed, &lock);
}

static HCRYPTPROV acquire(const char *provider, const char *container, DWORD flags)
{
    HCRYPTPROV prov = 0;
    if (!CryptAcquireContextA(&prov, container, provider, PROV_RSA_AES, flags))
        fail("CryptAcquireContext");
    return prov;
}

int main(int argc, char **argv)
{
    struct signer signers[THREADS];
    HCRYPTPROV shared;
    HCRYPTKEY key = 0;
    BYTE blob[SIGNATURE_MAX];
    DWORD length = sizeof blob;
    char line[80];
    int i;

    if (argc != 3) {
        fprintf(stderr, "usage: %s PROVIDER CONTAINER\n", argv[0]);
        return 2;
    }
    shared = acquire(argv[1], argv[2], CRYPT_NEWKEYSET);
    if (!CryptGenKey(shared, AT_SIGNATURE, (DWORD)KEY_BITS << 16, &key))
        fail("CryptGenKey");
    if (!CryptExportKey(key, 0, PUBLICKEYBLOB, 0, blob, &length))
        fail("CryptExportKey");
    print_hex("public", blob, length);
    fflush(stdout);
    CryptDestroyKey(key);

    for (i = 0; i < THREADS; i++) {
        signers[i].number = i;
        signers[i].prov = i % 2 == 0 ? shared : acquire(argv[1], argv[2], 0);
        if (pthread_create(&signers[i].thread, NULL, run, &signers[i]) != 0) {
            fprintf(stderr, "no thread\n");
            return 1;
        }
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        pthread_mutex_lock(&lock);
        wait_a_round();
        printf("heard %s", line);
        fflush(stdout);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_lock(&lock);
    done = 1;
    pthread_mutex_unlock(&lock);
    for (i = 0; i < THREADS; i++)
        if (pthread_join(signers[i].thread, NULL) != 0)
            fail("pthread_join");
    for (i = 1; i < THREADS; i += 2)
        if (!CryptReleaseContext(signers[i].prov, 0))
            fail("CryptReleaseContext");
    if (!CryptReleaseContext(shared, 0))
        fail("CryptReleaseContext");
    return 0;
}
