/* Stands in for a driver of Linux' video devices, under programs that are started with this library
 * in LD_PRELOAD: to them every file that begins with "v4l2" is a camera.
 *
 * Its further lines are modes, the last of which is set where an unknown one is asked for:
 *     FORMAT WIDTH HEIGHT CLAIMED_FPS REAL_FPS
 * MJPG pictures are those of picture.jpg beside it; in YUYV they are grey, each in another shade.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MODES = 16, BUFFERS = 4, FILES = 1024, SIZE = 1 << 22 };

struct mode { __u32 format, width, height, fps; double real_fps; };
struct camera {
    char name[32], folder[4096];
    struct mode modes[MODES];
    int num_modes, current, num_buffers, next, shade;
    double due;
};

static struct camera *open_cameras[FILES];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static struct camera *camera_of(int file)
{
    return file >= 0 && file < FILES ? open_cameras[file] : NULL;
}

/* Return the camera that a file describes, NULL where it is an ordinary file. */
static struct camera *described(const char *path)
{
    struct stat status;
    if (stat(path, &status) || !S_ISREG(status.st_mode) || !strstr(path, "video"))
        return NULL;
    FILE *text = fopen(path, "re");
    char line[256] = "";
    if (!text || !fgets(line, sizeof line, text) || strncmp(line, "v4l2 ", 5)) {
        if (text)
            fclose(text);
        return NULL;
    }
    struct camera *camera = calloc(1, sizeof *camera);
    snprintf(camera->name, sizeof camera->name, "%.*s", (int)strcspn(line + 5, "\n"), line + 5);
    snprintf(camera->folder, sizeof camera->folder, "%s", path);
    *strrchr(camera->folder, '/') = 0;
    char code[5];
    struct mode *mode = camera->modes;
    while (camera->num_modes < MODES &&
           fscanf(text, "%4s %u %u %u %lf", code, &mode->width, &mode->height, &mode->fps,
                  &mode->real_fps) == 5) {
        memcpy(&mode->format, code, 4);
        mode++;
        camera->num_modes++;
    }
    fclose(text);
    return camera;
}

static int opened(const char *path, int flags, mode_t permissions)
{
    static int (*real_open)(const char *, int, ...);
    if (!real_open)
        real_open = dlsym(RTLD_NEXT, "open");
    struct camera *camera = described(path);
    if (!camera)
        return real_open(path, flags, permissions);
    int file = memfd_create("camera", MFD_CLOEXEC);
    if (file < 0 || file >= FILES || ftruncate(file, (off_t)SIZE * BUFFERS)) {
        errno = EMFILE;
        return -1;
    }
    free(open_cameras[file]);
    open_cameras[file] = camera;
    return file;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, permissions);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t permissions = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return opened(path, flags, permissions);
}

int close(int file)
{
    static int (*real_close)(int);
    if (!real_close)
        real_close = dlsym(RTLD_NEXT, "close");
    if (camera_of(file)) {
        free(open_cameras[file]);
        open_cameras[file] = NULL;
    }
    return real_close(file);
}

/* Return the number of the mode that is closest to what is asked for. */
static int closest(const struct camera *camera, const struct v4l2_pix_format *asked)
{
    int best = camera->num_modes - 1, is_known = 0;
    double least = 1e18;
    for (int k = 0; k < camera->num_modes; k++)
        is_known |= camera->modes[k].format == asked->pixelformat;
    for (int k = 0; k < camera->num_modes; k++) {
        const struct mode *mode = &camera->modes[k];
        double far = (double)mode->width * mode->height - (double)asked->width * asked->height;
        far = far < 0 ? -far : far;
        if (mode->format == (is_known ? asked->pixelformat : camera->modes[best].format) &&
            far < least) {
            least = far;
            best = k;
        }
    }
    return best;
}

static void fill_format(const struct mode *mode, struct v4l2_format *format)
{
    format->fmt.pix = (struct v4l2_pix_format){
        .width = mode->width,
        .height = mode->height,
        .pixelformat = mode->format,
        .field = V4L2_FIELD_NONE,
        .bytesperline = mode->format == V4L2_PIX_FMT_MJPEG ? 0 : mode->width * 2,
        .sizeimage = mode->width * mode->height * 2,
    };
}

/* Return the index-th of the modes that differ in what `kind` compares, NULL after the last. */
static const struct mode *listed(const struct camera *camera, __u32 index, int kind,
                                 const struct mode *like)
{
    for (int k = 0; k < camera->num_modes; k++) {
        const struct mode *mode = &camera->modes[k];
        int is_new = (kind == 0 || mode->format == like->format) &&
                     (kind <= 1 || (mode->width == like->width && mode->height == like->height));
        for (int j = 0; is_new && j < k; j++) {
            const struct mode *other = &camera->modes[j];
            is_new = mode->format != other->format ||
                     (kind >= 1 && (mode->width != other->width || mode->height != other->height)) ||
                     (kind >= 2 && mode->fps != other->fps);
        }
        if (is_new && index-- == 0)
            return mode;
    }
    return NULL;
}

static int capture(struct camera *camera, int file, struct v4l2_buffer *buffer)
{
    const struct mode *mode = &camera->modes[camera->current];
    double wait = camera->due + 1 / mode->real_fps - now();
    if (wait > 0)
        usleep(wait * 1e6);
    camera->due = now();
    __u32 size = mode->width * mode->height * 2;
    static char picture[SIZE];
    if (mode->format == V4L2_PIX_FMT_MJPEG) {
        char path[5000];
        snprintf(path, sizeof path, "%s/picture.jpg", camera->folder);
        FILE *jpeg = fopen(path, "rbe");
        if (!jpeg)
            return EIO;
        size = fread(picture, 1, SIZE, jpeg);
        fclose(jpeg);
    } else {
        for (__u32 k = 0; k < size; k++)
            picture[k] = k % 2 ? (char)128 : (char)(40 + 7 * camera->shade);
        camera->shade = (camera->shade + 1) % 16;
    }
    buffer->index = camera->next++ % camera->num_buffers;
    buffer->length = SIZE;
    buffer->bytesused = size;
    buffer->flags = V4L2_BUF_FLAG_MAPPED;
    return pwrite(file, picture, size, (off_t)SIZE * buffer->index) == (ssize_t)size ? 0 : EIO;
}

static int answered(struct camera *camera, int file, unsigned long request, void *data)
{
    struct v4l2_buffer *buffer = data;
    struct v4l2_format *format = data;
    const struct mode *mode = NULL;
    switch ((__u32)request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *told = data;
        memset(told, 0, sizeof *told);
        strcpy((char *)told->driver, "uvcvideo");
        strcpy((char *)told->card, camera->name);
        told->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        told->capabilities = told->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *told = data;
        mode = listed(camera, told->index, 0, NULL);
        if (!mode)
            return EINVAL;
        told->pixelformat = mode->format;
        told->flags = mode->format == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *told = data;
        mode = listed(camera, told->index, 1, &(struct mode){.format = told->pixel_format});
        if (!mode)
            return EINVAL;
        told->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        told->discrete = (struct v4l2_frmsize_discrete){mode->width, mode->height};
        return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *told = data;
        struct mode like = {told->pixel_format, told->width, told->height, 0, 0};
        mode = listed(camera, told->index, 2, &like);
        if (!mode)
            return EINVAL;
        told->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        told->discrete = (struct v4l2_fract){1, mode->fps};
        return 0;
    }
    case VIDIOC_G_FMT:
        fill_format(&camera->modes[camera->current], format);
        return 0;
    case VIDIOC_S_FMT:
        camera->current = closest(camera, &format->fmt.pix);
        fill_format(&camera->modes[camera->current], format);
        return 0;
    case VIDIOC_TRY_FMT:
        fill_format(&camera->modes[closest(camera, &format->fmt.pix)], format);
        return 0;
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_captureparm *told = &((struct v4l2_streamparm *)data)->parm.capture;
        told->capability = V4L2_CAP_TIMEPERFRAME;
        told->timeperframe = (struct v4l2_fract){1, camera->modes[camera->current].fps};
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *told = data;
        told->count = told->count > BUFFERS ? BUFFERS : told->count;
        camera->num_buffers = told->count ? told->count : 1;
        return 0;
    }
    case VIDIOC_QUERYBUF:
        buffer->length = SIZE;
        buffer->m.offset = SIZE * buffer->index;
        return 0;
    case VIDIOC_G_INPUT:
        *(int *)data = 0;
        return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *told = data;
        if (told->index)
            return EINVAL;
        memset(told, 0, sizeof *told);
        told->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_QBUF:
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        return 0;
    case VIDIOC_DQBUF:
        return capture(camera, file, buffer);
    default:
        return ENOTTY;
    }
}

int ioctl(int file, unsigned long request, ...)
{
    static int (*real_ioctl)(int, unsigned long, ...);
    if (!real_ioctl)
        real_ioctl = dlsym(RTLD_NEXT, "ioctl");
    va_list more;
    va_start(more, request);
    void *data = va_arg(more, void *);
    va_end(more);
    struct camera *camera = camera_of(file);
    if (!camera)
        return real_ioctl(file, request, data);
    int error = answered(camera, file, request, data);
    errno = error;
    return error ? -1 : 0;
}
